import { KernscaleError } from '../../common/errors.js';
import { runMain } from '../../common/main.js';
import { runVectors } from './vectors.js';

await runMain('hpa-vectors', async ([folder]) => {
  if (folder === undefined)
    throw new KernscaleError('BAD_FLAG', 'name the folder that holds the vector files');
  const report = await runVectors(folder);
  process.stdout.write(`${JSON.stringify(report)}\n`);
  return report.passed === report.rows ? 0 : 1;
});
