import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { decide } from '../../../../scaler/core/decide-round.js';
import { EMPTY_HISTORY } from '../../../../scaler/core/round.js';
import { AuditLog } from '../../../../scaler/loop/audit-log.js';
import type { DecisionRecord } from '../../../../scaler/loop/record.js';
import { at, NOW, ruleFor, samplesOf } from '../core/fixtures.js';
import { recordOf } from '../decisions.js';

/** Record of a decision on this CPU demand, in cores. */
function recordAt(cpu: number): DecisionRecord {
  const rule = ruleFor('web');
  const decision = decide(rule, samplesOf({}, { cpu: at(cpu) }), EMPTY_HISTORY, NOW);
  return recordOf(rule, decision, decision.replicas === 2 ? 'unchanged' : 'applied');
}

describe('the audit log', () => {
  let directory: string;
  let file: string;
  const silent = pino({ level: 'silent' });
  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'kernscale-audit-'));
    file = path.join(directory, 'audit.jsonl');
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  const linesOf = (name: string): unknown[] =>
    readFileSync(name, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as unknown);

  it('has each complete decision on one line, applied or not', () => {
    const audit = new AuditLog({ file, changesOnly: false }, silent);
    const [quiet, up] = [recordAt(1.4), recordAt(4.2)];
    audit.write(quiet, undefined);
    audit.write(quiet, quiet);
    audit.write(up, quiet);
    expect(linesOf(file)).to.deep.equal(JSON.parse(JSON.stringify([quiet, quiet, up])));
    const [, , last] = linesOf(file) as DecisionRecord[];
    expect(last).to.include({ workload: 'web', class: 'cpu', replicas: 6, outcome: 'applied' });
    expect(last!.trace.stages).to.include({ raw: 6, clamped: 6 });
    expect(last!.trace.inputs.find(({ signal }) => signal === 'cpu')).to.include({
      value: 4.2,
      ageSeconds: 0,
    });
  });

  it('omits repeated decisions if it records only changes', () => {
    const audit = new AuditLog({ file, changesOnly: true }, silent);
    const [quiet, up] = [recordAt(1.4), recordAt(4.2)];
    audit.write(quiet, undefined);
    audit.write(up, quiet);
    audit.write(quiet, up);
    audit.write(quiet, quiet);
    expect((linesOf(file) as DecisionRecord[]).map(({ replicas }) => replicas)).to.deep.equal([6, 2]);
  });

  it('continues in a new file after a rename, and appends to an existing one', () => {
    const audit = new AuditLog({ file, changesOnly: false }, silent);
    audit.write(recordAt(1.4), undefined);
    renameSync(file, `${file}.1`);
    audit.write(recordAt(1.4), undefined);
    audit.reopen();
    audit.write(recordAt(4.2), undefined);
    expect(linesOf(`${file}.1`)).to.have.lengthOf(2);
    new AuditLog({ file, changesOnly: false }, silent).write(recordAt(1.4), undefined);
    expect(linesOf(file)).to.have.lengthOf(2);
  });

  it('is rejected if it cannot be written', () => {
    const nowhere = path.join(directory, 'none', 'audit.jsonl');
    expect(() => new AuditLog({ file: nowhere, changesOnly: false }, silent))
      .to.throw(nowhere)
      .with.property('code', 'AUDIT_LOG');
  });

  it('reports lost lines once, and continues', async () => {
    const errors: string[] = [];
    const log = pino({ level: 'error' }, { write: (line) => errors.push(line) });
    const audit = new AuditLog({ file: '/dev/full', changesOnly: false }, log);
    audit.write(recordAt(1.4), undefined);
    audit.write(recordAt(1.4), undefined);
    await new Promise((resolve) => setImmediate(resolve));
    expect(errors).to.have.lengthOf(1);
    expect(errors[0]).to.contain('decisions are missing from it').and.contain('ENOSPC');
  });
});
