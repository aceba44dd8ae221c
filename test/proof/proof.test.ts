import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { EVIDENCE, EVIDENCE_SEED, evidencePage } from './evidence.js';
import { blamed } from './kernscale.js';
import { play } from './play.js';
import { scenarioTable } from './report.js';
import { readScenario, scenarioNames } from './scenarios.js';

const SEED = 7;

describe('kernscale in a simulation', () => {
  it('sizes a surge at once, and neither overshoots nor turns back', () => {
    const { row } = play(readScenario('surge', SEED), 'kernscale');
    expect(row).to.include({ wrongTarget: 0, reversals: 0 });
    expect(row.rightSizeSeconds).to.be.at.most(60);
    expect(row.overshoot).to.be.at.most(1.25);
  });

  it('never grows what waits for a slow database, and names the database', () => {
    const scenario = readScenario('slow-leaf', SEED);
    const { at, for: lasting } = scenario.faults[0]!;
    const { outcome, decided } = play(scenario, 'kernscale');
    const during = (time: number): boolean => time >= at && time < at + lasting!;
    expect(outcome.orders.filter((order) => during(order.at))).to.deep.equal([]);
    const named = decided
      .filter((decision) => decision.at >= at + 60 && during(decision.at))
      .flatMap((decision) => blamed(decision, scenario) ?? []);
    expect(named).to.not.be.empty;
    expect(named.filter((name) => name !== 'database').length).to.be.below(named.length / 10);
  });

  it('does not grow behind a saturated disk, where HPA does', () => {
    const scenario = readScenario('disk', SEED);
    expect(play(scenario, 'kernscale').row).to.include({ wrongTarget: 0, overshoot: 1 });
    expect(play(scenario, 'hpa').row.wrongTarget).to.be.above(0);
  });
});

describe('docs/evidence.md', () => {
  const page = readFileSync(EVIDENCE, 'utf8');

  it('holds what one of its scenarios comes to today (npm run proof -- --write)', () => {
    const scenario = readScenario('throttled', EVIDENCE_SEED);
    const rows = (['kernscale', 'hpa'] as const).map((name) => play(scenario, name).row);
    const section = page.slice(page.indexOf('### throttled'));
    for (const line of scenarioTable(rows).slice(2)) {
      expect(words(section.split('###')[1]!)).to.include(words(line));
    }
  });

  it('has every scenario, as its file describes it', () => {
    const rows = scenarioNames().map((scenario) => ({
      scenario,
      controller: 'kernscale',
      badSeconds: 0,
      replicaSeconds: 0,
      wrongTarget: 0,
      rightSizeSeconds: 0,
      overshoot: 1,
      reversals: 0,
    }));
    const expected = evidencePage({ rows, graphs: [], goals: [] });
    const described = expected.split('\n').filter((line) => line !== '' && !line.startsWith('|'));
    expect(page.split('\n')).to.include.members(described);
  });
});

/** Widths of columns depend on the other rows. */
function words(text: string): string {
  return text.replace(/ +/g, ' ');
}
