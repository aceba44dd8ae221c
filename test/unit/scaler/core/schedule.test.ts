import { expect } from 'chai';
import { decide } from '../../../../scaler/core/decide-round.js';
import { detailsOf } from '../../../../scaler/core/details.js';
import { EMPTY_HISTORY } from '../../../../scaler/core/round.js';
import { ruleAt } from '../../../../scaler/core/rule-at.js';
import { openUntil, type Schedule } from '../../../../scaler/core/schedule.js';
import { at, ruleFor, samplesOf } from './fixtures.js';

const seconds = (time: string) => Date.parse(time) / 1000;
const iso = (time: number | undefined) => time && new Date(time * 1000).toISOString().slice(0, 16);

const OFFICE = { timeZone: 'Europe/Berlin', start: '0 8 * * 1-5', end: '0 18 * * 1-5' };
const NIGHT = { timeZone: 'Europe/Berlin', start: '30 2 * * *', end: '0 6 * * *' };
const LATE = { timeZone: 'Europe/Berlin', start: '0 22 * * *', end: '30 2 * * *' };
const UTC = { ...OFFICE, timeZone: 'UTC' };

describe('a schedule', () => {
  const cases: [title: string, schedule: typeof OFFICE, now: string, until?: string][] = [
    ['is in force from the second of its start on', UTC, '2026-12-01T08:00:00Z', '2026-12-01T18:00'],
    ['is not a second before', UTC, '2026-12-01T07:59:59.999Z'],
    ['is in force to the last moment', UTC, '2026-12-01T17:59:59.999Z', '2026-12-01T18:00'],
    ['is not at its end', UTC, '2026-12-01T18:00:00Z'],
    ['is not on a day of no start', UTC, '2026-12-05T12:00:00Z'],
    ['goes by its time zone in winter', OFFICE, '2026-12-01T07:00:00Z', '2026-12-01T17:00'],
    ['goes by its time zone in summer', OFFICE, '2026-07-01T06:00:00Z', '2026-07-01T16:00'],
    ['is not yet in force in summer', OFFICE, '2026-07-01T05:59:00Z'],
    // 29 March 2026: 02:00 CET is 03:00 CEST, at 01:00 UTC.
    ['starts when clocks skip its start', NIGHT, '2026-03-29T01:00:00Z', '2026-03-29T04:00'],
    ['does not start before they do', NIGHT, '2026-03-29T00:59:59Z'],
    ['ends when clocks skip its end', LATE, '2026-03-29T00:59:59Z', '2026-03-29T01:00'],
    ['has ended once they have', LATE, '2026-03-29T01:00:00Z'],
    // 25 October 2026: 03:00 CEST is 02:00 CET, at 01:00 UTC.
    ['starts at the first of two equal times', NIGHT, '2026-10-25T00:30:00Z', '2026-10-25T05:00'],
    ['is in force through the second', NIGHT, '2026-10-25T01:30:00Z', '2026-10-25T05:00'],
    ['ends at the first of two equal times', LATE, '2026-10-25T00:29:59Z', '2026-10-25T00:30'],
    ['stays ended at the second', LATE, '2026-10-25T01:10:00Z'],
    [
      'lasts over midnight and the end of a year',
      { timeZone: 'UTC', start: '0 22 31 12 *', end: '0 2 1 1 *' },
      '2027-01-01T01:00:00Z',
      '2027-01-01T02:00',
    ],
    [
      'starts on a day of the month or of the week, as cron does',
      { timeZone: 'UTC', start: '0 8 13 * 5', end: '0 9 * * *' },
      '2026-12-13T08:30:00Z',
      '2026-12-13T09:00',
    ],
    [
      'starts again while it is in force',
      { timeZone: 'UTC', start: '0 8,12 * * *', end: '0 18 * * *' },
      '2026-12-01T11:00:00Z',
      '2026-12-01T18:00',
    ],
    [
      'takes Sunday as 0 and as 7',
      { timeZone: 'UTC', start: '0 8 * * 7', end: '0 9 * * 0' },
      '2026-12-06T08:30:00Z',
      '2026-12-06T09:00',
    ],
    [
      'waits for a leap day',
      { timeZone: 'UTC', start: '0 0 29 2 *', end: '0 0 1 3 *' },
      '2028-02-29T12:00:00Z',
      '2028-03-01T00:00',
    ],
    ['reaches back before 1970', UTC, '1970-01-01T09:00:00Z', '1970-01-01T18:00'],
  ];
  for (const [title, schedule, now, until] of cases) {
    it(`${title} (${now})`, () => {
      expect(iso(openUntil({ ...schedule }, seconds(now)))).to.equal(until);
    });
  }

  it('tells the same in any order of questions', () => {
    const times = Array.from({ length: 300 }, (_, i) => seconds('2026-03-27T00:00:00Z') + i * 1237);
    const fresh = times.map((time) => openUntil({ ...OFFICE }, time));
    const shared = { ...OFFICE };
    const shuffled = times.map((_, i) => (i * 77) % times.length);
    for (const index of shuffled) expect(openUntil(shared, times[index]!)).to.equal(fresh[index]);
  });
});

const NOON = seconds('2026-12-01T12:00:00Z');

function always(name: string, changes: Partial<Schedule>): Schedule {
  return { name, timeZone: 'UTC', start: '0 8 * * *', end: '0 18 * * *', ...changes };
}

describe('bounds by schedules', () => {
  const never = always('off', { start: '0 20 * * *', end: '0 21 * * *', minReplicas: 19 });
  const cases: [title: string, schedules: Schedule[], bounds: [number, number]][] = [
    ['stay outside of them', [never], [2, 20]],
    ['are those of the one in force', [never, always('day', { minReplicas: 6, maxReplicas: 40 })], [6, 40]],
    ['may be lower', [always('day', { minReplicas: 1, maxReplicas: 3 })], [1, 3]],
    [
      'are the largest of several',
      [always('a', { minReplicas: 6, maxReplicas: 40 }), always('b', { minReplicas: 9, maxReplicas: 12 })],
      [9, 40],
    ],
    [
      "are the rule's where one of several has none",
      [always('a', { minReplicas: 6 }), always('b', { maxReplicas: 4 })],
      [6, 20],
    ],
  ];
  for (const [title, schedules, bounds] of cases) {
    it(title, () => {
      const { minReplicas, maxReplicas } = ruleAt(ruleFor('web', { minReplicas: 2, schedules }), NOON);
      expect([minReplicas, maxReplicas]).to.deep.equal(bounds);
    });
  }

  it('are narrowed by annotations', () => {
    const bounds = (restrictions: { minReplicas?: number; maxReplicas?: number }) => {
      const schedules = [always('day', { minReplicas: 6, maxReplicas: 40 })];
      const rule = ruleFor('web', {
        ...restrictions,
        schedules,
        restrictions: { ...restrictions, faults: [] },
      });
      const { minReplicas, maxReplicas } = ruleAt(rule, NOON);
      return [minReplicas, maxReplicas];
    };
    expect(bounds({ maxReplicas: 10 })).to.deep.equal([6, 10]);
    expect(bounds({ maxReplicas: 4 })).to.deep.equal([4, 4]);
    expect(bounds({ minReplicas: 8 })).to.deep.equal([8, 40]);
    expect(bounds({ minReplicas: 3 })).to.deep.equal([6, 40]);
  });
});

describe('a decision under a schedule', () => {
  const on = (schedule: Partial<Schedule>, replicas: number, cpu: number) => {
    const rule = ruleFor('web', {
      schedules: [always('office hours', { timeZone: 'Europe/Berlin', ...schedule })],
    });
    const samples = samplesOf(
      { replicas },
      { cpu: at(cpu, NOON), request: at(1, NOON), pods: at(replicas, NOON) },
    );
    const fresh = Object.fromEntries(
      Object.entries(samples.signals).map(([name, reading]) => [name, { ...reading, timestamp: NOON }]),
    );
    const history = { ...EMPTY_HISTORY, recommendations: [{ replicas: 1, at: NOON - 10 }] };
    return decide(rule, { ...samples, signals: fresh }, history, NOON);
  };

  it('names it, and its end, where it raises the replicas', () => {
    const { replicas, reason, trace } = on({ minReplicas: 6 }, 2, 1.4);
    expect(replicas, reason).to.equal(6);
    expect(reason).to.equal('Schedule "office hours" keeps at least 6 replicas until 18:00 Europe/Berlin');
    expect(trace.wouldChange).to.match(/^Would change when it is 18:00 Europe\/Berlin/);
    expect(trace.schedules).to.have.length(1);
    const rows = detailsOf({ class: 'none', trace }).flatMap((section) => section.rows);
    expect(rows).to.deep.include({
      name: 'schedule',
      text: 'office hours: at least 6 replicas, until 18:00 Europe/Berlin',
    });
  });

  it('names it where it keeps them', () => {
    const { replicas, reason } = on({ minReplicas: 6, end: '0 3 * * *' }, 6, 0.7);
    expect(replicas, reason).to.equal(6);
    expect(reason).to.contain(
      'schedule "office hours" keeps at least 6 replicas until 2026-12-02 03:00 Europe/Berlin',
    );
  });

  it('names it where it limits them', () => {
    const { replicas, reason } = on({ maxReplicas: 4 }, 4, 7);
    expect(replicas, reason).to.equal(4);
    expect(reason).to.contain(
      'replicas needed, schedule "office hours" allows at most 4 replicas until 18:00',
    );
  });

  it('removes nothing while it forbids that', () => {
    const { replicas, reason, trace } = on({ noScaleDown: true }, 8, 0.7);
    expect(replicas).to.equal(8);
    expect(trace.bindingConstraint).to.equal('noScaleDown');
    expect(reason).to.equal(
      '1 replica would be enough, but schedule "office hours" forbids scaling down until 18:00 Europe/Berlin, so nothing is removed',
    );
    expect(trace.wouldChange).to.equal('Would change when it is 18:00 Europe/Berlin');
  });
});
