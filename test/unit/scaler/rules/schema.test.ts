import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { expect } from 'chai';
import { parse } from 'yaml';
import { JSON_SCHEMA_PATH, renderJsonSchema } from '../../../../scaler/rules/json-schema.js';
import { EVERY_DEFAULT, FEWEST_KNOBS, REF, ruleWith, SHORTEST } from './fixtures.js';

describe('rules/schema.json', () => {
  it('is up to date (npm run schema)', async () => {
    expect(await readFile(JSON_SCHEMA_PATH, 'utf8')).to.equal(renderJsonSchema());
  });

  it('allows no unknown fields', () => {
    const schema = JSON.parse(renderJsonSchema()) as unknown;
    let closed = 0;
    const visit = (node: unknown): void => {
      if (node === null || typeof node !== 'object') return;
      if ('properties' in node && 'type' in node) {
        expect(node).to.have.property('additionalProperties', false);
        closed++;
      }
      Object.values(node).forEach(visit);
    };
    visit(schema);
    expect(closed).to.be.greaterThan(10);
  });

  describe('in a draft 7 validator, as editors use it', () => {
    let validate: ValidateFunction;
    before(() => {
      const schema = JSON.parse(renderJsonSchema()) as { $schema: string };
      expect(schema.$schema).to.equal('http://json-schema.org/draft-07/schema#');
      validate = new Ajv({ strict: true, allErrors: true }).compile(schema);
    });

    const isValid = (text: string): boolean => validate(parse(text, { merge: true }));

    it('accepts valid files', async () => {
      const folder = 'rules/scaling';
      const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.yaml'));
      const shipped = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
      expect(shipped).to.not.be.empty;
      const fleet = SHORTEST.replace(
        REF,
        'match: {kind: Deployment, selector: {matchExpressions: [{key: a, operator: In, values: [b]}]}}',
      );
      for (const text of [...shipped, EVERY_DEFAULT, FEWEST_KNOBS, fleet, ruleWith('behavior: null')]) {
        expect(isValid(text), `${text}${JSON.stringify(validate.errors)}`).to.equal(true);
      }
    });

    const bad: [title: string, text: string, at: string][] = [
      ['a misspelt field', ruleWith('minReplica: 2'), '/groups/0/rules/0'],
      ['a missing field', SHORTEST.replace('scale: web', 'labels: {}'), '/groups/0/rules/0'],
      ['a wrong type', ruleWith('minReplicas: "2"'), '/groups/0/rules/0/minReplicas'],
      ['a number out of range', ruleWith('minReplicas: 0'), '/groups/0/rules/0/minReplicas'],
      [
        'a duration without a unit',
        SHORTEST.replace('rules:', 'interval: 10\n    rules:'),
        '/groups/0/interval',
      ],
      [
        'a wrong choice',
        ruleWith('behavior: {scaleUp: {selectPolicy: max}}'),
        '/groups/0/rules/0/behavior/scaleUp/selectPolicy',
      ],
      [
        'a step without an action',
        ruleWith('decide: [{bound: a, when: {cpu: {above: 1}}}]'),
        '/groups/0/rules/0/decide/0',
      ],
      ['no groups', 'rules: []', ''],
    ];
    for (const [title, text, at] of bad) {
      it(`rejects ${title}`, () => {
        expect(isValid(text)).to.equal(false);
        expect(validate.errors!.map(({ instancePath }) => instancePath)).to.include(at);
      });
    }
  });
});
