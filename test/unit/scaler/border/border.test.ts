import { expect } from 'chai';
import type { RoundResult } from '../../../../scaler/loop/round.js';
import { Random } from '../../../../scaler/simulate/random.js';
import { SEED } from '../../../seed.js';
import { broken, mutated } from './mutate.js';
import { answersOf, fresh, MAX_REPLICAS, objectsOf, round, type Objects } from './world.js';

/** Mutated objects, and half as many mutated responses; KERNSCALE_FUZZ sets another number. */
const MUTATIONS = Number(process.env['KERNSCALE_FUZZ'] ?? 2000);
/** Mutated objects of a round. */
const BATCH = 40;
/** Share of the responses of a round that are mutated. */
const SHARE = 0.5;

const NAMES = ['sound', 'odd', 'queued', 'valued'];
const COLLECTIONS = ['pods', 'services', 'endpointSlices', 'deployments'] as const;

const sound = objectsOf('sound', 1);
const odd = objectsOf('odd', 2);
const queued = objectsOf('queued', 3);
const valued = objectsOf('valued', 4);
const answers = answersOf(NAMES);
const bodies = new Map([...answers].map(([expr, answer]) => [expr, JSON.stringify(answer)]));
const bodyOf = (expr: string): string => bodies.get(expr) ?? fresh(NAMES);

function together(changed: Objects = odd): Objects {
  const of = (collection: (typeof COLLECTIONS)[number]) => [
    ...sound[collection],
    ...changed[collection],
    ...queued[collection],
    ...valued[collection],
  ];
  return {
    pods: of('pods'),
    services: of('services'),
    endpointSlices: of('endpointSlices'),
    deployments: of('deployments'),
  };
}

function decisionOn(name: string, { decisions }: RoundResult) {
  const found = decisions.find(({ assignment }) => assignment.key === `shop/Deployment/${name}`);
  return found && { replicas: found.decision.replicas, reason: found.decision.reason };
}

describe('the border', function () {
  this.timeout(Math.max(20_000, MUTATIONS * 20));

  it('lets the data of this test through', async () => {
    const result = await round(together(), bodyOf);
    expect(result.problems).to.deep.equal([]);
    for (const [name, replicas] of [
      ['sound', 3],
      ['odd', 3],
      ['queued', 4],
      ['valued', 4],
    ] as const) {
      expect(decisionOn(name, result)?.replicas, decisionOn(name, result)?.reason).to.equal(replicas);
    }
  });

  it(`keeps odd objects from all workloads but their own, in ${MUTATIONS} mutations`, async () => {
    const random = new Random(SEED, 'objects');
    const expected = await round(together(), bodyOf);
    for (let done = 0; done < MUTATIONS; done += BATCH) {
      const changed = { pods: [], services: [], endpointSlices: [], deployments: [] } as Record<
        keyof Objects,
        unknown[]
      >;
      for (let index = 0; index < BATCH; index++) {
        const collection = COLLECTIONS[random.below(COLLECTIONS.length)]!;
        changed[collection].push(mutated(odd[collection][0], random));
      }
      const result = await explained(changed, round(together(changed), bodyOf));
      const input = JSON.stringify(changed);
      for (const name of ['sound', 'queued', 'valued']) {
        expect(decisionOn(name, result), input).to.deep.equal(decisionOn(name, expected));
      }
    }
  });

  for (const value of ['NaN', '+Inf', '-Inf', '1e306', '1e17', '-1']) {
    it(`turns ${value} for every value of a response into a decision`, async () => {
      for (const [expr, body] of bodies) {
        const changed = body.replace(/"[\d.]+"\]/g, `"${value}"]`);
        const result = await explained(
          { [expr]: value },
          round(together(), (it) => (it === expr ? changed : bodyOf(it))),
        );
        for (const { decision } of result.decisions)
          expect(decision.replicas, expr).to.be.within(2, MAX_REPLICAS);
      }
    });
  }

  it(`turns odd responses of Prometheus into decisions, in ${MUTATIONS / 2} mutations`, async () => {
    const random = new Random(SEED, 'answers');
    for (let done = 0; done < MUTATIONS / 2;) {
      const changed = new Map<string, string>();
      for (const [expr, answer] of answers) {
        if (random.uniform() < SHARE) changed.set(expr, oddBody(answer, random));
      }
      done += changed.size;
      const bodies = Object.fromEntries(changed);
      const result = await explained(
        bodies,
        round(together(), (expr) => changed.get(expr) ?? bodyOf(expr)),
      );
      const input = JSON.stringify(bodies);
      expect(result.decisions).to.have.length(NAMES.length);
      for (const { decision } of result.decisions) {
        expect(decision.replicas % 1, input).to.equal(0);
        expect(decision.replicas, input).to.be.within(1, MAX_REPLICAS);
        expect(decision.reason, input).not.to.match(/NaN cores|undefined/);
      }
    }
  });
});

function oddBody(answer: object, random: Random): string {
  if (random.below(4) === 0) return broken(JSON.stringify(answer), random);
  return JSON.stringify(mutated(answer, random));
}

/** The result of a round; an error says from what. */
async function explained(input: object, result: Promise<RoundResult>): Promise<RoundResult> {
  return result.catch((cause: unknown) => {
    throw new Error(`a round throws on ${JSON.stringify(input)}`, { cause });
  });
}
