import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { ERROR_CODES } from '../../common/error-codes/registry.js';
import { EXPORTED } from '../../scaler/promql/known-metrics.js';
import { KNOWN_METRICS, knownMetrics, metricsPage } from '../docs/metrics.js';
import { codesInSource } from '../docs/codes-in-source.js';
import { errorsPage } from '../docs/errors.js';
import { describe as descriptionOf, fieldsOf, rulesPage } from '../docs/rules.js';
import { fromRoot } from '../../sandbox/paths.js';

describe('docs/metrics.md', () => {
  it('is up to date (npm run metrics)', async () => {
    expect(readFileSync(fromRoot('docs/metrics.md'), 'utf8')).to.equal(await metricsPage());
  });

  it('lists every metric', async () => {
    const listed = [...(await metricsPage()).matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
    const all = EXPORTED.filter((name) => !/_(bucket|sum|count)$/.test(name));
    expect([...new Set(listed)]).to.have.members(all);
  });
});

describe('the metrics that the scaler knows', () => {
  it('are those that exporter and scaler export (npm run metrics)', async () => {
    expect(readFileSync(KNOWN_METRICS, 'utf8')).to.equal(await knownMetrics());
  });
});

describe('docs/rules.md', () => {
  it('is up to date (npm run reference)', () => {
    expect(readFileSync(fromRoot('docs/rules.md'), 'utf8')).to.equal(rulesPage());
  });

  it('describes every field of the schema', () => {
    const fields = fieldsOf();
    expect(fields.map(({ path }) => path)).to.include('groups[].rules[].behavior.scaleUp.policies[].type');
    const silent = fields.filter(({ schema }) => descriptionOf(schema) === '').map(({ path }) => path);
    expect(silent).to.deep.equal([]);
  });
});

describe('docs/errors.md', () => {
  it('is up to date (npm run reference)', () => {
    expect(readFileSync(fromRoot('docs/errors.md'), 'utf8')).to.equal(errorsPage());
  });

  it('describes every code in the source, once, and no other (common/error-codes/)', () => {
    const described = Object.values(ERROR_CODES).flatMap((section) => Object.keys(section));
    expect(described.toSorted()).to.deep.equal(codesInSource());
  });

  it('says of each what to do, in sentences', () => {
    for (const [code, { cause, cure }] of Object.values(ERROR_CODES).flatMap((one) => Object.entries(one))) {
      for (const text of [cause, cure]) expect(text, code).to.match(/^[A-Z`].*\.$/);
    }
  });
});
