import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { parse } from 'yaml';
import { CUSTOM_RESOURCE_PATH, renderCustomResource } from '../../../../scaler/rules/custom-resource.js';
import { ruleSchema } from '../../../../scaler/rules/schema.js';

interface Schema {
  readonly [keyword: string]: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
}

interface Definition {
  readonly spec: { readonly versions: readonly [{ readonly schema: { readonly openAPIV3Schema: Schema } }] };
}

const root = (parse(renderCustomResource()) as Definition).spec.versions[0].schema.openAPIV3Schema;

/** Every schema below one, with its path. */
function* below(schema: Schema, path = ''): Generator<[path: string, schema: Schema]> {
  yield [path, schema];
  for (const [name, field] of Object.entries(schema.properties ?? {})) yield* below(field, `${path}.${name}`);
  for (const name of ['items', 'additionalProperties']) {
    if (schema[name]) yield* below(schema[name] as Schema, `${path}[]`);
  }
}

describe('the CustomResourceDefinition of a ScalingRule', () => {
  it('is current; run `npm run schema`', async () => {
    expect(await readFile(CUSTOM_RESOURCE_PATH, 'utf8')).to.equal(renderCustomResource());
  });

  it('has every field of a rule but its name, and none that leads out of its namespace', () => {
    const { properties } = root.properties!['spec']!;
    expect(Object.keys(properties!)).to.have.members(
      Object.keys(ruleSchema.shape).filter((name) => name !== 'scale'),
    );
    expect(Object.keys(properties!['match']!.properties!)).to.not.include.members(['namespace']);
    expect(Object.keys(properties!['scaleTargetRef']!.properties!)).to.not.include.members(['namespace']);
    expect(properties!['scaleTargetRef']!['required']).to.deep.equal(['kind', 'name']);
  });

  // What the API server refuses: apiextensions-apiserver, pkg/apiserver/schema and pkg/apis/apiextensions/validation.
  it('is structural, by patterns of RE2', () => {
    for (const [path, schema] of below(root)) {
      const isQuantity = schema['x-kubernetes-int-or-string'] === true;
      expect(isQuantity ? 'int-or-string' : schema['type'], path).to.be.a('string');
      if (isQuantity) expect(schema, path).to.not.have.property('type');
      expect(schema, path).to.not.have.any.keys(
        '$ref',
        '$schema',
        'oneOf',
        'propertyNames',
        'const',
        'definitions',
      );
      expect(schema['additionalProperties'], path).to.not.equal(false);
      if (schema.properties) expect(schema, path).to.not.have.property('additionalProperties');
      if (schema['pattern'] !== undefined) expect(schema['pattern'], path).to.not.match(/\(\?|\\u/);
      for (const bound of ['exclusiveMinimum', 'exclusiveMaximum']) {
        if (bound in schema) expect(schema[bound], path).to.be.a('boolean');
      }
    }
  });
});
