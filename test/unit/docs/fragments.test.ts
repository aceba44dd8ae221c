import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { parseRules } from '../../../scaler/rules/load.js';
import { groupSchema, ruleSchema } from '../../../scaler/rules/schema.js';
import { loadTestFiles } from '../../../scaler/rule-tests/load.js';
import { fromRoot } from '../../../sandbox/paths.js';
import { fences, pages, spans } from '../../docs/pages.js';

const all = pages();
/** The rule that fragments of rules are tried in. */
const TARGET = '{kind: Deployment, namespace: shop, name: checkout}';
const ofYaml = all.flatMap(fences).filter(({ language }) => language === 'yaml');

/** A rule file around one field of a rule or of a group. */
function around(field: string, code: string): string {
  const [group, rule] = field in groupSchema.shape && field !== 'rules' ? [code, ''] : ['', code];
  const target = field === 'match' ? '' : `scaleTargetRef: ${TARGET}, `;
  const comma = rule === '' ? '' : `, ${rule}`;
  return `groups: [{name: shop, ${group === '' ? '' : `${group}, `}rules: [{scale: checkout, ${target}minReplicas: 2, maxReplicas: 20${comma}}]}]`;
}

const problems = (file: string, text: string) =>
  parseRules(file, text).errors.map(({ message }) => `${message} in ${text}`);

describe('fragments of YAML in the documentation', () => {
  it('are rules, tests of rules, or parts of an overlay, which test/unit/manifests renders', () => {
    for (const { page, code } of ofYaml) {
      const keys = Object.keys(parse(code) as object);
      const known = ['groups', 'rule_files', 'kind', 'images', 'configMapGenerator', 'patches'];
      expect(
        keys.filter((key) => known.includes(key)),
        `${page}: ${code}`,
      ).not.to.be.empty;
    }
  });

  for (const { page, code } of ofYaml.filter(({ code }) => /^groups:/m.test(code))) {
    it(`${page}: the rules load`, () => {
      expect(problems(page, code)).to.deep.equal([]);
    });
  }

  it('the tests of rules load', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'kernscale-'));
    try {
      await writeFile(path.join(directory, 'checkout.yaml'), around('dryRun', 'dryRun: false'));
      const files = ofYaml.filter(({ code }) => code.startsWith('rule_files:'));
      expect(files).not.to.be.empty;
      for (const { code } of files) {
        const file = path.join(directory, 'test.yaml');
        await writeFile(file, code);
        expect((await loadTestFiles([file])).errors).to.deep.equal([]);
      }
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('fields of rules in a line load', () => {
    const fields = new Set([...Object.keys(ruleSchema.shape), ...Object.keys(groupSchema.shape)]);
    // The bounds of the rule around the field, and bounds that text says are wrong.
    fields.delete('minReplicas');
    fields.delete('maxReplicas');
    const written = all.flatMap(spans).flatMap(({ page, code }) => {
      const field = /^(\w+): \S/.exec(code)?.[1];
      return field !== undefined && fields.has(field) && !code.includes('…') ? [{ page, code, field }] : [];
    });
    expect(written.length).to.be.greaterThan(10);
    for (const { page, code, field } of written) {
      expect(problems(page, around(field, code)), `${page}: ${code}`).to.deep.equal([]);
    }
  });
});

describe('paths in the documentation', () => {
  it('exist', () => {
    const folders =
      /^(?:common|docs|exporter|grafana|manifests|native|rules|sandbox|scaler|scripts|test)\/[\w./-]*$/;
    const missing = all
      .flatMap(spans)
      .filter(({ code }) => folders.test(code) && !existsSync(fromRoot(code)))
      .map(({ page, code }) => `${page}: ${code}`);
    expect(missing).to.deep.equal([]);
  });
});
