import { expect } from 'chai';
import { errorMessage } from '../../../../common/errors.js';
import type { QueryResult } from '../../../../scaler/promql/response.js';
import type { RoundResult } from '../../../../scaler/loop/round.js';
import { Random } from '../../../../scaler/simulate/random.js';
import { SEED } from '../../../seed.js';
import { broken, mutated } from './mutate.js';
import { answersOf, fresh, MAX_REPLICAS, objectsOf, resultOf, round, type Objects } from './world.js';

/** Mutated objects, and half as many mutated responses; KERNSCALE_FUZZ sets another number. */
const MUTATIONS = Number(process.env['KERNSCALE_FUZZ'] ?? 2000);
/** Mutated objects of a round. */
const BATCH = 100;
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
const results = new Map([...bodies].map(([expr, body]) => [expr, resultOf(body)]));
const age = resultOf(fresh(NAMES));
/** Read once: what is not mutated is the same in every round. */
const soundResult = (expr: string): QueryResult => results.get(expr) ?? age;

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
    const result = await round(together(), soundResult);
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
    const expected = await round(together(), soundResult);
    const decided = ['sound', 'queued', 'valued'].map((name) => [name, decisionOn(name, expected)] as const);
    for (let done = 0; done < MUTATIONS; done += BATCH) {
      const changed = { pods: [], services: [], endpointSlices: [], deployments: [] } as Record<
        keyof Objects,
        unknown[]
      >;
      for (let index = 0; index < BATCH; index++) {
        const collection = COLLECTIONS[random.below(COLLECTIONS.length)]!;
        changed[collection].push(mutated(odd[collection][0], random));
      }
      await on(changed, async () => {
        const result = await round(together(changed), soundResult);
        for (const [name, decision] of decided) expect(decisionOn(name, result)).to.deep.equal(decision);
      });
    }
  });

  for (const value of ['NaN', '+Inf', '-Inf', '1e306', '1e17', '-1']) {
    it(`turns ${value} for every value of a response into a decision`, async () => {
      for (const [expr, body] of bodies) {
        const changed = body.replace(/"[\d.]+"\]/g, `"${value}"]`);
        await on({ [expr]: value }, async () => {
          const result = resultOf(changed);
          const { decisions } = await round(together(), (it) => (it === expr ? result : soundResult(it)));
          for (const { decision } of decisions) expect(decision.replicas).to.be.within(2, MAX_REPLICAS);
        });
      }
    });
  }

  it(`turns odd responses of Prometheus into decisions, in ${MUTATIONS / 2} mutations`, async () => {
    const random = new Random(SEED, 'answers');
    const objects = together();
    for (let done = 0; done < MUTATIONS / 2;) {
      const changed = new Map<string, string>();
      for (const [expr, answer] of answers) {
        if (random.uniform() < SHARE) changed.set(expr, oddBody(answer, random));
      }
      done += changed.size;
      await on(changed, async () => {
        const resultFor = (expr: string): QueryResult => {
          const body = changed.get(expr);
          return body === undefined ? soundResult(expr) : resultOf(body);
        };
        const { decisions } = await round(objects, resultFor);
        expect(decisions.length).to.equal(NAMES.length);
        for (const { decision } of decisions) {
          expect(Number.isInteger(decision.replicas)).to.equal(true);
          expect(decision.replicas).to.be.within(1, MAX_REPLICAS);
          expect(decision.reason).not.to.match(/NaN cores|undefined/);
        }
      });
    }
  });
});

function oddBody(answer: object, random: Random): string {
  if (random.below(4) === 0) return broken(JSON.stringify(answer), random);
  return JSON.stringify(mutated(answer, random));
}

/** A check of what is decided on an input, which an error tells. */
async function on(input: object, check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (cause) {
    const text = JSON.stringify(input instanceof Map ? Object.fromEntries(input) : input);
    throw new Error(`${errorMessage(cause)}, on ${text}`, { cause });
  }
}
