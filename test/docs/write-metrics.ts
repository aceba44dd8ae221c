import { writeFileSync } from 'node:fs';
import { fromRoot } from '../../sandbox/paths.js';
import { metricsPage } from './metrics.js';

writeFileSync(fromRoot('docs/metrics.md'), await metricsPage());
