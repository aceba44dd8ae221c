import { expect } from 'chai';
import { decide } from '../../../../scaler/core/decide-round.js';
import type { Writer } from '../../../../scaler/core/other-writers.js';
import { EMPTY_HISTORY, type History } from '../../../../scaler/core/round.js';
import type { Rule } from '../../../../scaler/core/types.js';
import { at, NOW, ruleFor, samplesOf } from './fixtures.js';

const MINUTE = 60;

/**
 * A workload whose demand calls for 5 replicas, each write of its replicas, and rounds of one rule on it. Times are minutes.
 */
class World {
  replicas = 5;
  writer: Writer | undefined = { manager: 'kubectl-create', generation: 0, template: 'v1' };
  autoscalers: string[] = [];
  #history: History = EMPTY_HISTORY;
  #generation = 0;

  constructor(private readonly rule: Rule = ruleFor('web', { minReplicas: 5, maxReplicas: 5 })) {}

  write(manager: string | undefined, replicas: number, template = this.writer?.template ?? 'v1'): this {
    this.replicas = replicas;
    this.writer = {
      ...(manager !== undefined && { manager }),
      generation: ++this.#generation,
      template,
    };
    return this;
  }

  /** Decides, and writes as the API server would. @returns `kept until minute 10 by kubectl`, or the replicas */
  round(minute: number, isApplied = true, isStale = false): string {
    const now = NOW + minute * MINUTE;
    const samples = {
      ...samplesOf(
        { replicas: this.replicas },
        { cpu: at(3.5, now), request: at(1, now), pods: at(this.replicas, now) },
      ),
      autoscalers: this.autoscalers,
      ...(this.writer && { writer: this.writer }),
    };
    const { replicas, history, historyIfNotApplied, trace } = decide(this.rule, samples, this.#history, now);
    this.#history = JSON.parse(JSON.stringify(isApplied ? history : historyIfNotApplied)) as History;
    const { yields } = trace;
    if (yields?.to === 'otherWriter') return `${yields.by} until ${(yields.until! - NOW) / MINUTE}`;
    if (isApplied && !isStale && replicas !== this.replicas) this.write(undefined, replicas);
    return yields ? yields.to : `${replicas}`;
  }
}

describe('another writer of the replicas', () => {
  it('is unknown at first sight: the first round acts on what somebody once set', () => {
    expect(new World().write('kubectl', 2).round(0)).to.equal('5');
  });

  it('is let be for 10 minutes after a change, then no more', () => {
    const world = new World();
    world.round(0);
    world.write('kubectl', 2);
    expect(world.round(1)).to.equal('kubectl until 11');
    expect(world.round(10.9)).to.equal('kubectl until 11');
    expect(world.round(11)).to.equal('5');
    expect(world.round(12)).to.equal('5');
  });

  it('holds anew, and no longer, with each change during the hold', () => {
    const world = new World();
    world.round(0);
    world.write('kubectl', 2);
    world.round(1);
    world.write('kubectl', 3);
    expect(world.round(5)).to.equal('kubectl until 15');
  });

  it('is let be twice as long each time that it changes back what Kernscale wrote, up to 4 hours', () => {
    const world = new World();
    world.round(0);
    const holds: number[] = [];
    for (let minute = 1; holds.length < 8;) {
      world.write('argocd-controller', 2);
      const until = Number(/until (.+)/.exec(world.round(minute))![1]);
      holds.push(until - minute);
      expect(world.round(until)).to.equal('5');
      minute = until + 0.1;
    }
    expect(holds.map(Math.round)).to.deep.equal([10, 20, 40, 80, 160, 240, 240, 240]);
  });

  it('that changes back at once, before the next round, is seen by the generation', () => {
    const world = new World().write('argocd-controller', 2);
    expect(world.round(0)).to.equal('5');
    world.write('argocd-controller', 2);
    expect(world.round(0.2)).to.equal('argocd-controller until 10.2');
    expect(world.round(10.2)).to.equal('5');
    world.write('argocd-controller', 2);
    expect(world.round(10.4)).to.equal('argocd-controller until 30.4');
  });

  it('is let be for 10 minutes again after a day', () => {
    const world = new World();
    world.round(0);
    world.write('kubectl', 2).round(1);
    world.round(11);
    world.write('kubectl', 2);
    expect(world.round(24 * 60 + 2)).to.equal(`kubectl until ${24 * 60 + 12}`);
  });

  for (const [name, change] of [
    ['a roll-out whose manifest has replicas', (world: World) => world.write('helm', 2, 'v2')],
    ['a write of another field', (world: World) => world.write('kubectl-edit', 5)],
    ['Kernscale, whichever process', (world: World) => world.write(undefined, 2)],
    ['an object that does not tell', (world: World) => (world.write('kubectl', 2).writer = undefined)],
  ] as const) {
    it(`is not ${name}`, () => {
      const world = new World();
      world.round(0);
      change(world);
      expect(world.round(1)).to.equal('5');
    });
  }

  it('stays in force over a roll-out without a change of replicas', () => {
    const world = new World();
    world.round(0);
    world.write('kubectl', 2).round(1);
    world.writer = { ...world.writer!, template: 'v2' };
    expect(world.round(2)).to.equal('kubectl until 11');
  });

  it('that sets zero turns scaling off, and on again from zero', () => {
    const world = new World();
    world.round(0);
    expect(world.write('kubectl', 0).round(1)).to.equal('0');
    expect(world.write('kubectl', 2).round(2)).to.equal('5');
  });

  it('is not seen in a view of the object that is older than the last write', () => {
    const world = new World().write('kubectl', 2);
    expect(world.round(0, true, true)).to.equal('5');
    expect(world.round(0.2, false), 'the watch still tells of 2').to.equal('5');
    expect(world.write(undefined, 5).round(0.4)).to.equal('5');
  });

  it('is seen by a process that stands by', () => {
    const world = new World();
    world.round(0, false);
    world.write(undefined, 4).round(1, false);
    expect(world.write('kubectl', 2).round(2, false)).to.equal('kubectl until 12');
  });

  it('does not concern a dry run', () => {
    const world = new World(ruleFor('web', { minReplicas: 5, maxReplicas: 5, dryRun: true }));
    world.round(0, false);
    expect(world.write('kubectl', 2).round(1, false)).to.equal('5');
  });

  it('is no news while an autoscaler of others scales, nor once it is gone', () => {
    const world = new World();
    world.round(0);
    world.autoscalers = ['HorizontalPodAutoscaler shop/web'];
    world.write('kube-controller-manager', 2);
    expect(world.round(1)).to.equal('otherAutoscaler');
    world.write('kube-controller-manager', 3);
    expect(world.round(2)).to.equal('otherAutoscaler');
    world.autoscalers = [];
    expect(world.round(3)).to.equal('5');
  });
});
