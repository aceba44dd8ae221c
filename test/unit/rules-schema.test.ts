import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { JSON_SCHEMA_PATH, renderJsonSchema } from '../../scaler/rules/json-schema.js';

describe('rules/schema.json', () => {
  it('is what `npm run schema` writes', async () => {
    expect(await readFile(JSON_SCHEMA_PATH, 'utf8')).to.equal(renderJsonSchema());
  });

  it('closes every mapping of fixed fields', () => {
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
});
