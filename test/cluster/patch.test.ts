import { expect } from 'chai';
import fc from 'fast-check';
import type { Json, JsonObject } from '../../sandbox/cluster/api/body.js';
import { jsonPatch, mergePatch } from '../../sandbox/cluster/api/patch.js';
import { applyConfiguration, strategicPatch } from '../../sandbox/cluster/api/strategic-patch.js';

describe('stand-in cluster: patches', () => {
  describe('JSON merge patch (RFC 7386, appendix A)', () => {
    const cases: [Json, Json, Json][] = [
      [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
      [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
      [{ a: 'b' }, { a: null }, {}],
      [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
      [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
      [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
      [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
      [
        ['a', 'b'],
        ['c', 'd'],
        ['c', 'd'],
      ],
      [{ a: 'foo' }, 'bar', 'bar'],
      [{ e: null }, { a: 1 }, { e: null, a: 1 }],
      [[1, 2], { a: 'b', c: null }, { a: 'b' }],
      [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    ];
    for (const [target, patch, result] of cases) {
      it(`${JSON.stringify(target)} + ${JSON.stringify(patch)}`, () => {
        expect(mergePatch(target, patch)).to.deep.equal(result);
      });
    }

    it('applied twice changes nothing more', () => {
      fc.assert(
        fc.property(fc.jsonValue(), fc.jsonValue(), (target, patch) => {
          const once = mergePatch(target as Json, patch as Json);
          expect(mergePatch(once, patch as Json)).to.deep.equal(once);
        }),
      );
    });
  });

  describe('JSON patch (RFC 6902)', () => {
    const cases: [string, Json, Json[], Json][] = [
      ['adds a member', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
      ['inserts into a list', { a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
      ['appends to a list', { a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
      ['removes', { a: 1, b: 2 }, [{ op: 'remove', path: '/a' }], { b: 2 }],
      ['replaces', { a: { b: 1 } }, [{ op: 'replace', path: '/a/b', value: 2 }], { a: { b: 2 } }],
      ['moves', { a: { b: 1 }, c: {} }, [{ op: 'move', from: '/a/b', path: '/c/d' }], { a: {}, c: { d: 1 } }],
      ['copies', { a: 1 }, [{ op: 'copy', from: '/a', path: '/b' }], { a: 1, b: 1 }],
      [
        'unescapes ~1 and ~0',
        { 'a/b': { '~': 1 } },
        [{ op: 'replace', path: '/a~1b/~0', value: 2 }],
        { 'a/b': { '~': 2 } },
      ],
    ];
    for (const [name, document, operations, result] of cases) {
      it(name, () => {
        expect(jsonPatch(document, operations)).to.deep.equal(result);
      });
    }

    it('rejects a failed test and a missing path with 422', () => {
      const test = [{ op: 'test', path: '/a', value: 2 }];
      expect(() => jsonPatch({ a: 1 }, test))
        .to.throw()
        .with.property('code', 422);
      expect(() => jsonPatch({}, [{ op: 'remove', path: '/a' }]))
        .to.throw()
        .with.property('code', 422);
    });
  });

  describe('strategic merge patch', () => {
    const pod = {
      containers: [
        { name: 'a', image: 'one', env: [{ name: 'X', value: '1' }], ports: [{ containerPort: 80 }] },
        { name: 'b', image: 'two' },
      ],
    };

    it('merges containers and their lists by key', () => {
      const patch = {
        containers: [
          { name: 'a', image: 'new', env: [{ name: 'Y', value: '2' }], ports: [{ containerPort: 81 }] },
        ],
      };
      expect(strategicPatch(pod, patch)).to.deep.equal({
        containers: [
          {
            name: 'a',
            image: 'new',
            env: [
              { name: 'X', value: '1' },
              { name: 'Y', value: '2' },
            ],
            ports: [{ containerPort: 80 }, { containerPort: 81 }],
          },
          { name: 'b', image: 'two' },
        ],
      });
    });

    it('deletes an element by $patch and orders by $setElementOrder', () => {
      const patch = {
        '$setElementOrder/containers': [{ name: 'c' }, { name: 'b' }],
        containers: [
          { name: 'a', $patch: 'delete' },
          { name: 'c', image: 'three' },
        ],
      };
      expect(strategicPatch(pod, patch)).to.deep.equal({
        containers: [
          { name: 'c', image: 'three' },
          { name: 'b', image: 'two' },
        ],
      });
    });

    it('replaces a map by $patch and keeps only $retainKeys', () => {
      expect(strategicPatch({ m: { a: 1 } }, { m: { b: 2, $patch: 'replace' } })).to.deep.equal({
        m: { b: 2 },
      });
      const recreate = { $retainKeys: ['type'], type: 'Recreate', rollingUpdate: null };
      expect(
        strategicPatch({ strategy: { type: 'RollingUpdate', rollingUpdate: {} } }, { strategy: recreate }),
      ).to.deep.equal({
        strategy: { type: 'Recreate' },
      });
    });

    it('merges finalizers as a set and deletes from them', () => {
      expect(strategicPatch({ finalizers: ['a'] }, { finalizers: ['a', 'b'] })).to.deep.equal({
        finalizers: ['a', 'b'],
      });
      const remove = { '$deleteFromPrimitiveList/finalizers': ['a'] };
      expect(strategicPatch({ finalizers: ['a', 'b'] }, remove)).to.deep.equal({ finalizers: ['b'] });
    });

    it('replaces lists without a merge key', () => {
      expect(strategicPatch({ command: ['a', 'b'] }, { command: ['c'] })).to.deep.equal({ command: ['c'] });
    });
  });

  describe('server-side apply', () => {
    const object = (env: JsonObject[], more: JsonObject = {}): JsonObject => ({
      containers: [{ name: 'a', env }],
      ...more,
    });

    it("removes what the manager no longer applies and keeps others' fields", () => {
      const first = object(
        [
          { name: 'X', value: '1' },
          { name: 'Y', value: '2' },
        ],
        { paused: true },
      );
      const live = object(
        [...(first['containers'] as [{ env: JsonObject[] }])[0].env, { name: 'OTHER', value: '3' }],
        {
          paused: true,
          replicas: 4,
        },
      );
      const next = object([{ name: 'X', value: '9' }]);
      expect(applyConfiguration(live, first, next)).to.deep.equal({
        containers: [
          {
            name: 'a',
            env: [
              { name: 'X', value: '9' },
              { name: 'OTHER', value: '3' },
            ],
          },
        ],
        replicas: 4,
      });
    });
  });
});
