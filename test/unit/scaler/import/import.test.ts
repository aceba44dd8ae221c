import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseDocuments } from '../../../../common/yaml/document.js';
import { manifestsIn, manifestsOf } from '../../../../scaler/import/manifests.js';
import { lostOf, translate } from '../../../../scaler/import/translate.js';
import { writeRules } from '../../../../scaler/import/write.js';
import { formatRuleError, parseRules } from '../../../../scaler/rules/load.js';
import { Random } from '../../../../scaler/simulate/random.js';
import { SEED } from '../../../seed.js';
import { mutated } from '../border/mutate.js';

const FOLDER = 'test/golden/import';
/** Mutated manifests. */
const RUNS = 500;
const FIXTURES = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));

function rulesOf(file: string, text: string): string {
  return writeRules(translate(parseDocuments(file, text).flatMap(manifestsOf), 'default'));
}

/** Errors that no imported rule may have. */
function errorsOf(text: string): string[] {
  const { errors } = parseRules('imported.yaml', text);
  return errors.map(formatRuleError);
}

describe('imported rules', () => {
  for (const name of FIXTURES) {
    const file = join(FOLDER, name);
    const golden = file.replace(/yaml$/, 'rules.txt');
    const text = rulesOf(file, readFileSync(file, 'utf8'));

    // UPDATE_GOLDEN=1 writes what is imported now; look at the difference before you commit it.
    it(`say what ${name} says`, () => {
      if (process.env['UPDATE_GOLDEN']) writeFileSync(golden, text);
      expect(text).to.equal(readFileSync(golden, 'utf8'));
    });

    it(`of ${name} pass the loader`, () => {
      expect(errorsOf(text)).to.deep.equal([]);
    });
  }
});

const TARGET = '{ apiVersion: apps/v1, kind: Deployment, name: web }';

function hpa(spec: string): string {
  return `{ apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: { name: web }, spec: ${spec} }`;
}

function scaledObject(spec: string): string {
  return `{ apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: { name: web }, spec: ${spec} }`;
}

function prometheus(query: string, threshold: string): string {
  return `triggers: [{ type: prometheus, metadata: { query: '${query}', threshold: '${threshold}' } }]`;
}

describe('what cannot be translated', () => {
  const rows: [what: string, manifest: string, hasRule: boolean, lost: RegExp][] = [
    ['an HPA without a name', hpa(`{ maxReplicas: 3 }`).replace('name: web', ''), false, /no metadata\.name/],
    ['an HPA without a target', hpa('{ maxReplicas: 3 }'), false, /no spec\.scaleTargetRef\.kind/],
    ['an HPA without maxReplicas', hpa(`{ scaleTargetRef: ${TARGET} }`), false, /no maxReplicas/],
    [
      'bounds that cross',
      hpa(`{ scaleTargetRef: ${TARGET}, minReplicas: 4, maxReplicas: 3 }`),
      false,
      /minReplicas 4 is above maxReplicas 3/,
    ],
    [
      'a kind without its API version',
      hpa('{ scaleTargetRef: { kind: Rollout, name: web }, maxReplicas: 3 }'),
      false,
      /scaleTargetRef\.apiVersion is missing/,
    ],
    [
      'no number',
      hpa(`{ scaleTargetRef: ${TARGET}, minReplicas: many, maxReplicas: 3 }`),
      true,
      /spec\.minReplicas is not/,
    ],
    [
      'another resource',
      hpa(
        `{ scaleTargetRef: ${TARGET}, maxReplicas: 3, metrics: [{ type: Resource, resource: { name: gpu, target: { type: AverageValue, averageValue: 1 } } }] }`,
      ),
      true,
      /resource gpu has no signal/,
    ],
    [
      'an amount of zero',
      hpa(
        `{ scaleTargetRef: ${TARGET}, maxReplicas: 3, metrics: [{ type: Resource, resource: { name: cpu, target: { type: AverageValue, averageValue: 0 } } }] }`,
      ),
      true,
      /target of cpu, 0, is no amount/,
    ],
    [
      'a second target of one resource',
      hpa(
        `{ scaleTargetRef: ${TARGET}, maxReplicas: 3, metrics: [${['Utilization, averageUtilization: 60', 'AverageValue, averageValue: 1'].map((target) => `{ type: Resource, resource: { name: cpu, target: { type: ${target} } } }`).join(', ')}] }`,
      ),
      true,
      /second target of cpu is left out/,
    ],
    [
      'a cron trigger without its end',
      scaledObject(
        '{ scaleTargetRef: { name: web }, triggers: [{ type: cron, metadata: { timezone: UTC, start: 0 8 * * * } }] }',
      ),
      true,
      /cron trigger lacks/,
    ],
    [
      'a behavior that HPA does not have',
      hpa(`{ scaleTargetRef: ${TARGET}, maxReplicas: 3, behavior: { scaleUp: { selectPolicy: Average } } }`),
      true,
      /behavior is left out: behavior\.scaleUp\.selectPolicy must be/,
    ],
    [
      'a query that is no PromQL',
      scaledObject(`{ scaleTargetRef: { name: web }, ${prometheus('sum(', '1')} }`),
      true,
      /prometheus 1 is left out/,
    ],
    [
      'a threshold of zero',
      scaledObject(`{ scaleTargetRef: { name: web }, ${prometheus('sum(a)', '0')} }`),
      true,
      /threshold is no number/,
    ],
    ['a list in place of an object', hpa('[]'), false, /no maxReplicas|no spec\.scaleTargetRef/],
  ];
  for (const [what, manifest, hasRule, expected] of rows) {
    it(`names ${what}`, () => {
      const [one] = translate(parseDocuments('m.yaml', manifest).flatMap(manifestsOf), 'default');
      expect(one?.rule !== undefined).to.equal(hasRule);
      expect(
        lostOf(one!)
          .map(({ text }) => text)
          .join('\n'),
      ).to.match(expected);
    });
  }

  it('is left out of what is mutated, and the rest passes the loader', () => {
    const random = new Random(SEED, 'import');
    const documents = FIXTURES.flatMap((name) =>
      parseDocuments(name, readFileSync(join(FOLDER, name), 'utf8')).map(({ value }) => value),
    );
    for (let run = 0; run < RUNS; run++) {
      const value = mutated(documents[random.below(documents.length)], random);
      const text = writeRules(translate(manifestsIn(value), 'default'));
      expect(errorsOf(text), JSON.stringify(value)).to.deep.equal([]);
    }
  });

  it('never leaves its comment', () => {
    const labels = JSON.stringify({ a: 'x\n      - scale: evil' });
    const metric = `{ type: External, external: { metric: { name: "a\\n- b", selector: { matchLabels: ${labels} } }, target: { type: Value, value: 1 } } }`;
    const text = rulesOf(
      'm\n.yaml',
      hpa(`{ scaleTargetRef: ${TARGET}, maxReplicas: 3, metrics: [${metric}] }`),
    );
    const rules = parseRules('r.yaml', text).groups.flatMap((group) => group.rules);
    expect(rules.map(({ scale }) => scale)).to.deep.equal(['web']);
  });
});
