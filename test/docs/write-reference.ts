import { writeFileSync } from 'node:fs';
import { fromRoot } from '../../sandbox/paths.js';
import { errorsPage } from './errors.js';
import { rulesPage } from './rules.js';

writeFileSync(fromRoot('docs/rules.md'), rulesPage());
writeFileSync(fromRoot('docs/errors.md'), errorsPage());
