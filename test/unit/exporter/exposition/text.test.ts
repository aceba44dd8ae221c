import { expect } from 'chai';
import fc from 'fast-check';
import { classicLayout } from '../../../../exporter/exposition/histogram.js';
import { labelText, NO_LABELS } from '../../../../exporter/exposition/labels.js';
import { TextSamples } from '../../../../exporter/exposition/text.js';
import { TextWriter } from '../../../../exporter/exposition/writers.js';
import { BOUNDS, histogram } from '../fixtures.js';

describe('a histogram', () => {
  const seconds = (text: string) =>
    [...text.matchAll(/le="([^"]+)"} (\d+)/g)].map(([, le, count]) => [le, Number(count)] as const);

  it('has no observation in a bucket below its value, and loses none', () => {
    const values = fc.array(fc.double({ min: 1e-7, max: 200, noNaN: true }), { maxLength: 50 });
    fc.assert(
      fc.property(values, (observed) => {
        const layout = classicLayout(BOUNDS.seconds, 'text');
        const writer = new TextWriter();
        const family = { name: 'h', help: '', type: 'histogram' } as const;
        new TextSamples(writer, family, layout, 'text').histogram(NO_LABELS, histogram(observed));
        const lines = seconds(Buffer.from(writer.take()).toString());
        for (const [le, count] of lines) {
          const bound = le === '+Inf' ? Infinity : Number(le);
          expect(count).to.equal(observed.filter((value) => value <= bound).length);
        }
        expect(lines.at(-1)).to.deep.equal(['+Inf', observed.length]);
      }),
    );
  });

  it('has powers of four for bounds, written as Go writes them', () => {
    expect(classicLayout(BOUNDS.seconds, 'text').le.slice(0, 4)).to.deep.equal([
      '9.5367431640625e-07',
      '3.814697265625e-06',
      '1.52587890625e-05',
      '6.103515625e-05',
    ]);
    expect(classicLayout(BOUNDS.seconds, 'text').le.slice(-4)).to.deep.equal(['1', '4', '16', '64']);
    expect(classicLayout(BOUNDS.seconds, 'openmetrics').le.slice(-2)).to.deep.equal(['16.0', '64.0']);
    expect(classicLayout(BOUNDS.bytes, 'text').le.slice(0, 2)).to.deep.equal(['1024', '4096']);
  });
});

describe('labels and values', () => {
  it('are escaped so that a parser reads back what went in', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const text = labelText({ name: value });
        const quoted = /^name="((?:[^"\\\n]|\\[\\n"])*)"$/s.exec(text);
        expect(quoted, text).not.to.equal(null);
        const back = quoted![1]!.replace(/\\([\\n"])/g, (_, char) => (char === 'n' ? '\n' : String(char)));
        expect(back).to.equal(value);
      }),
    );
  });

  const written = (value: number) => {
    const writer = new TextWriter();
    writer.value(value);
    return Buffer.from(writer.take()).toString();
  };
  // prettier-ignore
  const VALUES: [number, string][] = [
    [0, '0'], [7, '7'], [1e9, '1000000000'], [Number.MAX_SAFE_INTEGER, '9007199254740991'], [2 ** 60, '1152921504606847000'],
    [1e-9, '0.000000001'], [1.5, '1.5'], [0.1 + 0.2, '0.30000000000000004'], [12.000000001, '12.000000001'],
    [1e-10, '1e-10'], [1e21, '1e+21'], [-1, '-1'], [-0.5, '-0.5'], [Infinity, '+Inf'], [-Infinity, '-Inf'], [NaN, 'NaN'],
  ];
  for (const [value, text] of VALUES) {
    it(`writes ${value} as ${text}`, () => {
      expect(written(value)).to.equal(`${text}\n`);
    });
  }

  it('are written so that a parser reads back what went in', () => {
    const nanoseconds = fc.maxSafeNat().map((count) => count / 1e9);
    fc.assert(
      fc.property(fc.oneof(fc.double({ noNaN: true }), fc.maxSafeNat(), nanoseconds), (value) => {
        const text = written(value).trim();
        expect(Number(text.replace('Inf', 'Infinity'))).to.equal(value + 0);
      }),
    );
  });

  it('are exact decimals of nanoseconds, as far as a double distinguishes them', () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat().filter((count) => count < 2 ** 23 * 1e9),
        (nanoseconds) => {
          const digits = String(nanoseconds).padStart(10, '0');
          const exact = `${digits.slice(0, -9)}.${digits.slice(-9)}`.replace(/\.?0+$/, '');
          expect(written(nanoseconds / 1e9)).to.equal(`${exact}\n`);
        },
      ),
    );
  });
});
