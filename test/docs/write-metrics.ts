import { writeFileSync } from 'node:fs';
import { fromRoot } from '../../sandbox/paths.js';
import { KNOWN_METRICS, knownMetrics, metricsPage } from './metrics.js';

writeFileSync(fromRoot('docs/metrics.md'), await metricsPage());
writeFileSync(KNOWN_METRICS, await knownMetrics());
