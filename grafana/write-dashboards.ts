import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dashboardFiles } from './dashboards.js';

for (const [name, content] of dashboardFiles()) {
  writeFileSync(join(import.meta.dirname, 'dashboards', name), content);
}
