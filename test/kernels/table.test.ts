import { expect } from 'chai';
import { passes, readReport, surprise, type Result } from './matrix.js';
import { renderTables } from './table.js';

const OLD: Result = {
  name: 'old',
  facts: { release: '6.1.0-50-amd64', controllers: ['cpu'], lockdown: 'none' },
  programs: [
    { probe: 'tcp', program: 'tcp_retransmit', attached: false, detail: 'no such tracepoint' },
    { probe: 'blockio', program: 'block_rq_issue', attached: true, detail: '' },
  ],
  truths: [
    { name: 'reader', expected: 'disk', share: 0.5, ok: false, detail: 'lock 1.000 s' },
    { name: 'server', expected: 'requests', share: null, ok: true, detail: 'needs a tracepoint' },
  ],
  skippedRuns: 3,
  error: '',
  seconds: 20,
  console: '',
};
const NEW: Result = {
  ...OLD,
  name: 'new',
  facts: { release: '7.2.13+deb14-amd64', controllers: ['cpu'], lockdown: 'none' },
  programs: [
    { probe: 'tcp', program: 'tcp_retransmit', attached: true, detail: '' },
    { probe: 'blockio', program: 'block_io_start', attached: true, detail: '' },
  ],
  truths: [
    { name: 'reader', expected: 'disk', share: 1, ok: true, detail: '' },
    { name: 'server', expected: 'requests', share: 1, ok: true, detail: '' },
  ],
};

describe('the kernel matrix', () => {
  it('shows the kernels side by side, and the details of absent programs and failed checks', () => {
    expect(renderTables([OLD, NEW]).split('\n')).to.deep.equal([
      'program                     old 6.1.0   new 7.2.13',
      'tcp/tcp_retransmit          absent      attached',
      'blockio/block_rq_issue      attached    not needed',
      'blockio/block_io_start      not needed  attached',
      'runs skipped by the kernel  3           3',
      '  old: tcp_retransmit: no such tracepoint',
      '',
      'truth             old 6.1.0     new 7.2.13',
      'reader: disk      WRONG 50.0 %  100.0 %',
      'server: requests  absent        100.0 %',
      '  old: reader: disk: lock 1.000 s',
      '',
    ]);
  });

  it('shows the reason why a kernel has no results', () => {
    const failed: Result = {
      name: 'lost',
      programs: [],
      truths: [],
      skippedRuns: 0,
      error: 'it panicked',
      seconds: 0,
      console: '',
    };
    expect(renderTables([failed])).to.equal('lost: it panicked\n');
    expect(passes(failed)).to.equal(false);
  });

  it('passes when no check fails; an absent one does not fail', () => {
    expect(passes(OLD)).to.equal(false);
    expect(passes(NEW)).to.equal(true);
    expect(passes({ ...NEW, truths: [] })).to.equal(false);
  });

  it('rejects a kernel that is not the one wanted, or lacks other programs', () => {
    expect(surprise({}, OLD)).to.equal('');
    expect(surprise({ absent: ['tcp_retransmit'] }, OLD)).to.equal('');
    expect(surprise({ absent: [] }, OLD)).to.equal('the absent programs are [tcp_retransmit] instead of []');
    expect(surprise({ lockdown: 'integrity' }, OLD)).to.equal('lockdown is none instead of integrity');
    expect(surprise({}, { programs: [] })).to.equal('lockdown is unknown instead of none');
  });

  it('reads the incomplete report of a guest that died', () => {
    const truth = { name: 'reader', expected: 'disk', share: 1, ok: true, detail: '' };
    const report = `noise\r\n${JSON.stringify({ programs: NEW.programs })}\r\n${JSON.stringify({ truth })}\r\n`;
    expect(readReport(report, '')).to.deep.equal({
      programs: NEW.programs,
      truths: [truth],
      skippedRuns: 0,
      error: 'the check did not end',
    });
    expect(readReport(`${report}{"error":"no BTF"}\n{"end":true}\n`, '').error).to.equal('no BTF');
    expect(readReport(`${report}{"end":true}\n`, '').error).to.equal('');
    const panic = 'Kernel panic - not syncing: Fatal exception in interrupt';
    expect(readReport(report, `[ 23.77] ${panic}\r\n[ 25.30] more\r\n`).error).to.equal(panic);
  });
});
