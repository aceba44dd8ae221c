import { expect } from 'chai';
import { errorCode, errorMessage } from '../../common/errors.js';
import { fetchKernel, KERNELS } from './kernels.js';
import { runMatrix } from './matrix.js';
import { renderTables } from './table.js';

/** The oldest: it differs most from the kernel that the other tests run on. */
const KERNEL = KERNELS.find(({ name }) => name === 'bookworm')!;

describe(`the probes on the kernel of Debian ${KERNEL.suite}`, () => {
  before('fetches the kernel', async function () {
    this.timeout('5m');
    try {
      await fetchKernel(KERNEL);
    } catch (error) {
      if (errorCode(error) !== 'KERNEL_UNAVAILABLE' || process.env['KERNSCALE_ALLOW_SKIP'] !== '1')
        throw error;
      console.warn(`    skipped: ${errorMessage(error)}`);
      this.skip();
    }
  });

  it('attach every program and agree with every task on what it did', async function () {
    this.timeout('5m');
    const { signal } = new AbortController();
    const [result] = await runMatrix([KERNEL], { signal, progress: () => undefined });
    const { error, facts, programs, truths } = result!;
    const tables = renderTables([result!]);
    expect(error, tables).to.equal('');
    expect(facts?.controllers).to.include.members(['cpu', 'io', 'memory']);
    const wrong = truths.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`);
    expect(wrong, tables).to.deep.equal([]);
    const names = programs.map(({ program }) => program);
    expect(names).to.include.members([
      'sched_switch',
      'flush_threads',
      'sample',
      'block_rq_complete',
      'net_dev_queue',
      'sample_stack',
      'list_mappings',
      'name_address',
    ]);
    // A program whose work another one does is not listed.
    expect(programs.filter(({ attached }) => !attached)).to.deep.equal([]);
  });
});
