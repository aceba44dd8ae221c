import { KernscaleError } from '../../common/errors.js';
import { runMain } from '../../common/main.js';
import { runVectors } from './vectors.js';

await runMain('hpa-vectors', async ([folder]) => {
  if (folder === undefined)
    throw new KernscaleError('BAD_FLAG', 'name the folder that holds the vector files');
  process.stdout.write(`${JSON.stringify(await runVectors(folder))}\n`);
  return 0;
});
