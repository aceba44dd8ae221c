import { expect } from 'chai';
import fc from 'fast-check';
import { classicLayout, nativeLayout } from '../../../../exporter/exposition/histogram.js';
import { NO_LABELS } from '../../../../exporter/exposition/labels.js';
import { ProtobufSamples } from '../../../../exporter/exposition/protobuf.js';
import { ProtobufWriter } from '../../../../exporter/exposition/writers.js';
import {
  BOUNDS,
  busyCounters,
  BY_DEFAULT,
  counters,
  DETAILED,
  histogram,
  identity,
  observedSelfMetrics,
  rendered,
} from '../fixtures.js';
import {
  asText,
  messagesOf,
  numberOf,
  readDelimited,
  readMessage,
  readPackedSints,
  unzigzag,
} from './protobuf-reader.js';

function written(write: (writer: ProtobufWriter) => void): Uint8Array {
  const writer = new ProtobufWriter(1);
  write(writer);
  return writer.take();
}

describe('the protobuf writer', () => {
  // prettier-ignore
  const table: [name: string, write: (writer: ProtobufWriter) => void, hex: string][] = [
    ['an unsigned integer', (writer) => { writer.uint(1, 150); }, '089601'],
    ['zero', (writer) => { writer.uint(1, 0); }, '0800'],
    ['2^53 - 1', (writer) => { writer.uint(1, Number.MAX_SAFE_INTEGER); }, '08ffffffffffffff0f'],
    ['a field beyond 15', (writer) => { writer.uint(16, 1); }, '800101'],
    ['a negative integer', (writer) => { writer.sint(1, -2); }, '0803'],
    ['a double', (writer) => { writer.double(1, 1); }, '09000000000000f03f'],
    ['a string', (writer) => { writer.string(2, 'testing'); }, '120774657374696e67'],
    ['a string in UTF-8', (writer) => { writer.string(2, 'ü'); }, '1202c3bc'],
    ['an empty message', (writer) => { writer.message(3, () => undefined); }, '1a00'],
    ['a message', (writer) => { writer.message(3, () => { writer.uint(1, 150); }); }, '1a03089601'],
    ['packed differences', (writer) => { writer.packedDeltas(13, [1, 0, 64]); }, '6a0402018001'],
  ];
  for (const [name, write, hex] of table) {
    it(`writes ${name}`, () => {
      expect(Buffer.from(written(write)).toString('hex')).to.equal(hex);
    });
  }

  it('writes what a reader reads back, whatever the sizes', () => {
    const signed = fc.integer({ min: -(2 ** 51), max: 2 ** 51 });
    const content = fc.tuple(
      fc.maxSafeNat(),
      signed,
      fc.double(),
      fc.string({ unit: 'binary', maxLength: 300 }),
    );
    fc.assert(
      fc.property(content, fc.array(signed, { maxLength: 100 }), ([uint, sint, double, text], packed) => {
        const bytes = written((writer) => {
          writer.message(7, () => {
            writer.uint(1, uint);
            writer.sint(2, sint);
            writer.message(3, () => {
              writer.double(4, double);
              writer.string(5, text);
            });
            writer.packedDeltas(6, packed);
          });
        });
        const [message] = messagesOf(readMessage(bytes), 7);
        const [inner] = messagesOf(message!, 3);
        expect(numberOf(message!, 1)).to.equal(uint);
        expect(unzigzag(message!.get(2)![0] as bigint)).to.equal(sint);
        expect(numberOf(inner!, 4)).to.deep.equal(double);
        expect(Buffer.from(inner!.get(5)![0] as Uint8Array)).to.deep.equal(Buffer.from(text));
        const differences = packed.map((value, at) => value - (packed[at - 1] ?? 0));
        expect(readPackedSints(message!.get(6)![0] as Uint8Array)).to.deep.equal(differences);
      }),
    );
  });
});

describe('a native histogram', () => {
  interface Native {
    readonly schema: number;
    readonly zeroThreshold: number;
    readonly zeroCount: number;
    readonly count: number;
    readonly sum: number;
    /** By index. */
    readonly positive: Map<number, number>;
  }

  function nativeOf(values: readonly number[], bounds = BOUNDS.seconds): Native {
    const layouts = { classic: classicLayout(bounds, 'text'), native: nativeLayout(bounds) };
    const bytes = written((writer) => {
      new ProtobufSamples(writer, 'counter', layouts).histogram(NO_LABELS, histogram(values, bounds));
    });
    const message = messagesOf(messagesOf(readMessage(bytes), 4)[0]!, 7)[0]!;
    const [span] = messagesOf(message, 12);
    const deltas = readPackedSints((message.get(13)?.[0] as Uint8Array | undefined) ?? new Uint8Array());
    expect(span ? numberOf(span, 2) : 0).to.equal(deltas.length);
    const offset = span ? unzigzag(span.get(1)![0] as bigint) : 0;
    let count = 0;
    return {
      schema: unzigzag(message.get(5)![0] as bigint),
      zeroThreshold: numberOf(message, 6),
      zeroCount: numberOf(message, 7),
      count: numberOf(message, 1),
      sum: numberOf(message, 2),
      positive: new Map(deltas.map((delta, index) => [offset + index, (count += delta)])),
    };
  }

  it('has every observation of 2^-20 s to 2^6 s in the bucket of schema 0 that holds it', () => {
    const value = fc.double({ min: 1e-7, max: 64, noNaN: true });
    fc.assert(
      fc.property(fc.array(value, { maxLength: 50 }), (values) => {
        const { schema, zeroThreshold, zeroCount, count, sum, positive } = nativeOf(values);
        expect([schema, zeroThreshold, count]).to.deep.equal([0, 2 ** -20, values.length]);
        expect(zeroCount).to.equal(values.filter((one) => one <= 2 ** -20).length);
        expect(sum).to.equal(values.reduce((all, one) => all + one, 0));
        for (const [index, found] of positive) {
          const expected = values.filter(
            (one) => one > Math.max(2 ** (index - 1), 2 ** -20) && one <= 2 ** index,
          );
          expect(found, `bucket ${index}`).to.equal(expected.length);
        }
        expect([...positive.values()].reduce((all, one) => all + one, zeroCount)).to.equal(values.length);
      }),
    );
  });

  it('counts what is longer than the highest bound in the next bucket', () => {
    expect([...nativeOf([100, 1e6]).positive]).to.deep.equal([[7, 2]]);
    expect([...nativeOf([2 ** 27], BOUNDS.bytes).positive]).to.deep.equal([[27, 1]]);
  });

  it('has no span when everything is in the zero bucket', () => {
    expect(nativeOf([2 ** -20])).to.deep.include({ zeroCount: 1, positive: new Map() });
  });
});

describe('the exposition as protobuf', () => {
  const SERIES = [
    { identity: identity(), counters: busyCounters(1), live: true },
    { identity: identity({ pod: 'a"b\\c\nd', container: 'ü' }), counters: busyCounters(2), live: false },
    ...Array.from({ length: 100 }, (_, index) => ({
      identity: identity({ pod: `p${index}` }),
      counters: counters(index),
      live: true,
    })),
  ];

  for (const options of [
    DETAILED,
    BY_DEFAULT,
    { ...DETAILED, programs: new Set(['tcp_rcv_space_adjust']) },
  ]) {
    it(`says what the text says, with ${options.programs.size} programs${options.detail ? ' in detail' : ''}`, () => {
      const families = readDelimited(rendered(SERIES, 'protobuf', options));
      expect(asText(families)).to.equal(rendered(SERIES, 'text', options).toString());
    });
  }

  it('is empty without containers', () => {
    expect(rendered([], 'protobuf')).to.have.length(0);
  });

  it('has the metrics of the exporter itself', async () => {
    const self = observedSelfMetrics();
    self.observeStage('render', 0.004);
    // The process' own series change between two looks; where `le` stands among the labels does not matter.
    const stable = (text: string) =>
      text.replace(/^(process|nodejs)_.*\n/gm, '').replace(/\{(le="[^"]*"),(.*)\}/g, '{$2,$1}');
    const text = Buffer.from(await self.render('text')).toString();
    expect(stable(asText(readDelimited(await self.render('protobuf'))))).to.equal(stable(text));
  });
});
