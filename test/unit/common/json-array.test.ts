import { expect } from 'chai';
import fc from 'fast-check';
import '../../seed.js';
import { JsonArraySplitter } from '../../../common/json-array.js';

const PATH = ['data', 'result'];

/** Reads a document in chunks, as `JSON.parse` would read it at once. @param sizes of the chunks, in turns */
function read(text: string, sizes: readonly number[], maxHeld = Infinity): unknown {
  const elements: unknown[] = [];
  const splitter = new JsonArraySplitter({
    path: PATH,
    maxHeld,
    onElements: (part) => elements.push(...(JSON.parse(`[${part}]`) as unknown[])),
  });
  const bytes = Buffer.from(text);
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    splitter.write(bytes.subarray(at, at + size));
    at += size;
  }
  const rest = JSON.parse(splitter.end()) as { data?: { result?: unknown } } | null;
  if (elements.length === 0) return rest;
  expect(rest?.data?.result).to.deep.equal([]);
  return { ...rest, data: { ...rest?.data, result: elements } };
}

function outcome(parse: () => unknown): unknown {
  try {
    return { value: parse() };
  } catch {
    return 'refused';
  }
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
/** Documents with the array, and texts full of what could be taken for its limits. */
const text = fc.string({
  unit: fc.constantFrom('"', '\\', ',', '[', ']', '{', '}', ':', 'é', '𝄞', 'data', ' '),
});
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.integer(),
    text,
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.oneof(text, fc.constantFrom('data', 'result')), tie('value'), { maxKeys: 3 }),
  ),
}));
const document = fc
  .tuple(fc.dictionary(text, value, { maxKeys: 2 }), value, fc.array(value, { maxLength: 6 }), value)
  .map(([before, type, result, after]) => ({
    ...before,
    result: type,
    data: { type, result, after },
    after,
  }));

describe('JsonArraySplitter', () => {
  it('reads what JSON.parse reads, however the document is cut', () => {
    fc.assert(
      fc.property(document, sizes, fc.constantFrom(undefined, 2), (one, cuts, indent) => {
        const body = JSON.stringify(one, undefined, indent);
        expect(read(body, cuts)).to.deep.equal(JSON.parse(body));
      }),
      { numRuns: 500 },
    );
  });

  it('refuses what JSON.parse refuses', () => {
    const edit = fc.tuple(
      fc.nat(),
      fc.constantFrom('', ',', ']', '[', '}', '{', '"', '\\', '1', ' '),
      fc.nat(2),
    );
    fc.assert(
      fc.property(document, sizes, edit, (one, cuts, [at, by, removed]) => {
        const body = JSON.stringify(one);
        const place = at % body.length;
        // A surrogate pair may be cut.
        const edited = Buffer.from(body.slice(0, place) + by + body.slice(place + removed)).toString();
        expect(outcome(() => read(edited, cuts))).to.deep.equal(outcome(() => JSON.parse(edited) as unknown));
      }),
      { numRuns: 2000 },
    );
  });

  for (const body of ['{"data":{"result":[1,]}}', '{"data":{"result":[,1]}}', '{"data":{"result":[1,,2]}}']) {
    it(`refuses ${body}`, () => {
      for (const size of [1, 3, 100]) expect(() => read(body, [size])).to.throw(SyntaxError);
    });
  }

  it('leaves documents without the array whole', () => {
    for (const one of [[1, 2], 'data', { data: [1] }, { result: [1] }, { data: { result: { result: [1] } } }])
      expect(read(JSON.stringify(one), [7])).to.deep.equal(one);
  });

  it('holds one element at a time', () => {
    const result = Array.from({ length: 100 }, (_, index) => `${index}`.repeat(20));
    const body = JSON.stringify({ data: { result } });
    expect(read(body, [10], 200)).to.deep.equal({ data: { result } });
    expect(() => read(JSON.stringify({ data: { result: ['x'.repeat(300)] } }), [10], 200))
      .to.throw('JSON in one piece')
      .with.property('code', 'JSON_TOO_LARGE');
  });
});
