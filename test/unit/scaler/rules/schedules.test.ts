import { expect } from 'chai';
import { errorsOf, ruleOf, ruleWith } from './fixtures.js';

function scheduleWith(fields: string): string {
  return ruleWith('schedules:', `  - {name: day, ${fields}}`);
}

const TIMES = "start: '0 8 * * 1-5', end: '0 18 * * 1-5'";

describe('schedules of a rule', () => {
  it('are in UTC by default', () => {
    expect(ruleOf(scheduleWith(`${TIMES}, minReplicas: 6, scaleDown: Disabled`)).schedules).to.deep.equal([
      {
        name: 'day',
        timeZone: 'UTC',
        start: '0 8 * * 1-5',
        end: '0 18 * * 1-5',
        minReplicas: 6,
        noScaleDown: true,
      },
    ]);
  });

  it('do not ration growth by demand to their larger maximum', () => {
    const { behavior } = ruleOf(scheduleWith(`${TIMES}, maxReplicas: 40`));
    expect(behavior!.scaleUp.policies).to.deep.equal([{ type: 'Pods', value: 40, periodSeconds: 15 }]);
  });

  const errors: [title: string, fields: string, ...errors: string[]][] = [
    [
      'too few fields',
      "start: '0 8 * *', end: '0 18 * * *', minReplicas: 2",
      'RULE_WRONG_VALUE 8:32 "0 8 * *" is no cron expression: it needs five fields: minute, hour, day of the month, month, day of the week',
    ],
    [
      'seconds',
      "start: '0 0 8 * * *', end: '0 18 * * *', minReplicas: 2",
      'RULE_WRONG_VALUE 8:32 "0 0 8 * * *" is no cron expression: it needs five fields: minute, hour, day of the month, month, day of the week',
    ],
    [
      'a nickname',
      "start: '@daily', end: '0 18 * * *', minReplicas: 2",
      'RULE_WRONG_VALUE 8:32 "@daily" is no cron expression: it needs five fields: minute, hour, day of the month, month, day of the week',
    ],
    [
      'a minute that no hour has',
      "start: '0 8 * * *', end: '61 18 * * *', minReplicas: 2",
      'RULE_WRONG_VALUE 8:50 "61 18 * * *" is no cron expression: Invalid value for minute: 61',
    ],
    [
      'an unknown time zone',
      `timeZone: Europe/Berln, ${TIMES}, minReplicas: 2`,
      'RULE_WRONG_VALUE 8:35 unknown time zone "Europe/Berln"; it must be an IANA name such as Europe/Berlin',
    ],
    [
      'a day that no month has',
      "start: '0 8 31 2 *', end: '0 18 * * *', minReplicas: 2",
      'RULE_CONFLICT 8:32 the schedule is never in force',
    ],
    [
      'an end at each start',
      "start: '0 8 * * *', end: '0 * * * *', minReplicas: 2",
      'RULE_CONFLICT 8:32 the schedule is never in force',
    ],
    [
      'an end that never comes',
      "start: '0 8 * * *', end: '0 18 30 2 *', minReplicas: 2",
      'RULE_CONFLICT 8:50 the schedule never ends',
    ],
    [
      'no effect',
      TIMES,
      'RULE_MISSING_FIELD 8:13 the schedule changes nothing; set minReplicas, maxReplicas or scaleDown',
    ],
    [
      "a minimum above the rule's maximum",
      `${TIMES}, minReplicas: 21`,
      'RULE_CONFLICT 8:81 minReplicas 21 is above maxReplicas 20 while the schedule is in force',
    ],
    [
      'crossed bounds of its own',
      `${TIMES}, minReplicas: 6, maxReplicas: 5`,
      'RULE_CONFLICT 8:81 minReplicas 6 is above maxReplicas 5 while the schedule is in force',
    ],
    [
      'zero',
      `${TIMES}, minReplicas: 0`,
      'RULE_OUT_OF_RANGE 8:81 schedules[0].minReplicas must be at least 1, not 0',
    ],
  ];
  for (const [title, fields, ...expected] of errors) {
    it(`must not have ${title}`, () => {
      expect(errorsOf(scheduleWith(fields))).to.deep.equal(expected);
    });
  }

  it('have names of their own', () => {
    const text = ruleWith('schedules:', ...[2, 3].map((n) => `  - {name: day, ${TIMES}, minReplicas: ${n}}`));
    expect(errorsOf(text)).to.deep.equal([
      'RULE_DUPLICATE_NAME 9:20 the name "day" is already used by another schedule of this rule; rename one of them',
    ]);
  });
});
