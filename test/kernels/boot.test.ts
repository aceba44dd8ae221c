import { expect } from 'chai';
import { errorCode, errorMessage } from '../../common/errors.js';
import { fetchKernel, KERNELS } from './kernels.js';
import { runMatrix, type Result } from './matrix.js';
import { renderTables } from './table.js';

describe('the probes on another kernel', () => {
  /** Boots it, and expects that every check that it allows holds. */
  async function check(name: string): Promise<Result> {
    const kernel = KERNELS.find((choice) => choice.name === name)!;
    const { signal } = new AbortController();
    const [result] = await runMatrix([kernel], { signal, progress: () => undefined });
    const { error, truths } = result!;
    const tables = renderTables([result!]);
    expect(error, tables).to.equal('');
    const wrong = truths.filter(({ ok }) => !ok).map((truth) => `${truth.name}: ${truth.detail}`);
    expect(wrong, tables).to.deep.equal([]);
    return result!;
  }

  for (const name of ['bookworm', 'bookworm-backports'])
    before(`fetches the kernel of ${name}`, async function () {
      this.timeout('5m');
      try {
        await fetchKernel(KERNELS.find((choice) => choice.name === name)!);
      } catch (error) {
        if (errorCode(error) !== 'KERNEL_UNAVAILABLE' || process.env['KERNSCALE_ALLOW_SKIP'] !== '1')
          throw error;
        console.warn(`    skipped: ${errorMessage(error)}`);
        this.skip();
      }
    });

  /** The oldest differs most from the kernel that the other tests run on. */
  it('attach every program and agree with every task on what it did, on the oldest', async function () {
    this.timeout('5m');
    const { facts, programs } = await check('bookworm');
    expect(facts?.controllers).to.include.members(['cpu', 'io', 'memory']);
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

  it('do the same where lockdown forbids reads of kernel memory', async function () {
    this.timeout('5m');
    const { facts, programs, truths } = await check('bookworm-backports-confidentiality');
    expect(facts?.lockdown).to.equal('confidentiality');
    expect(programs.filter(({ attached }) => !attached)).to.deep.equal([]);
    expect(truths.filter(({ share }) => share === null)).to.deep.equal([]);
  });

  it('name lockdown where it refuses a program, on the oldest', async function () {
    this.timeout('5m');
    const { programs, truths } = await check('bookworm-confidentiality');
    const absent = programs.filter(({ attached }) => !attached);
    expect(absent.map(({ program }) => program)).to.include.members(['sched_switch', 'flush_threads']);
    for (const { reason, detail } of absent) {
      expect(reason).to.equal('lockdown');
      expect(detail).to.match(/lockdown \(confidentiality\).*boot with lockdown=integrity/);
    }
    const read = truths.find(({ name, expected }) => name === 'O_DIRECT reader' && expected === 'bytes read');
    expect(read?.share, 'what needs no such read is measured').to.equal(1);
  });
});
