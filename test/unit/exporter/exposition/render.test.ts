import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import type { TextFormat } from '../../../../exporter/exposition/format.js';
import { classicLayout } from '../../../../exporter/exposition/histogram.js';
import { labelText, NO_LABELS } from '../../../../exporter/exposition/labels.js';
import { TextSamples } from '../../../../exporter/exposition/text.js';
import { TextWriter } from '../../../../exporter/exposition/writers.js';
import type { ContainerSeries } from '../../../../exporter/series/families.js';
import { SeriesLimiter } from '../../../../exporter/series/limit.js';
import { renderContainers, type RenderOptions } from '../../../../exporter/series/render.js';
import {
  BOUNDS,
  busyCounters,
  BY_DEFAULT,
  counters,
  DETAILED,
  histogram,
  identity,
  rendered,
  resultOf,
} from '../fixtures.js';

const render = (
  series: readonly ContainerSeries[],
  format: TextFormat = 'text',
  options: RenderOptions = DETAILED,
) => rendered(series, format, options).toString();

const SERIES: ContainerSeries[] = [
  { identity: identity(), counters: busyCounters(1), live: true },
  {
    identity: identity({
      namespace: 'odd',
      pod: 'idle-0',
      container: 'a"b\\c\nd',
      workload: 'idle',
      workloadKind: 'StatefulSet',
      cpuRequest: undefined,
      cpuLimit: 2,
    }),
    counters: counters(2),
    live: true,
  },
];

describe('the exposition', () => {
  for (const [name, format, detail] of [
    ['text', 'text', false],
    ['openmetrics', 'openmetrics', false],
    ['detail', 'text', true],
  ] as const) {
    // UPDATE_GOLDEN=1 writes what is rendered now; look at the difference before you commit it.
    it(`is what test/golden has, as ${name}`, () => {
      const file = new URL(`../../../golden/exporter.${name}.txt`, import.meta.url);
      const actual = detail
        ? render(SERIES, format)
        : render(resultOf(new SeriesLimiter().limit(SERIES, 0)), format, BY_DEFAULT);
      if (process.env['UPDATE_GOLDEN']) writeFileSync(file, actual);
      expect(actual).to.equal(readFileSync(file, 'utf8'));
    });
  }

  it('leaves out what is not measured: it is unknown, not zero', () => {
    const text = render(SERIES, 'text', { ...DETAILED, programs: new Set(['tcp_rcv_space_adjust']) });
    expect(text).to.include('kernscale_tcp_serve_seconds_count');
    expect(text).to.include('kernscale_container_info');
    expect(text).not.to.match(/state_seconds|oncpu|cpu_samples|blockio|connections|retransmits/);
  });

  it('costs an idle container few lines, and shows all its states', () => {
    const lines = render([{ identity: identity(), counters: counters(1), live: true }])
      .split('\n')
      .filter((line) => line.startsWith('kernscale'));
    expect(lines).to.have.length(14);
    expect(lines.filter((line) => line.startsWith('kernscale_state_seconds_total'))).to.have.length(10);
  });

  it('serves the counters of a container that has ended, but no longer its gauges', () => {
    const text = render([{ identity: identity(), counters: busyCounters(1), live: false }]);
    expect(text).to.include('kernscale_state_seconds_total{');
    expect(text).not.to.match(/container_info|_cores/);
  });

  it('has no gauge of the rest of a pod, but what the pod requests beyond its containers', () => {
    const rest = (cpuRequest: number | undefined) =>
      render([
        {
          identity: identity({ container: '', isRestOfPod: true, cpuRequest }),
          counters: counters(1),
          live: true,
        },
      ]);
    expect(rest(undefined)).not.to.match(/^kernscale_container/m);
    expect(rest(1.5).match(/^kernscale_container.*$/gm)).to.deep.equal([
      'kernscale_container_cpu_request_cores{namespace="shop",pod="web-6d4cf56db6-x7k2p",container="",workload="web",workload_kind="Deployment"} 1.5',
    ]);
  });

  it('is empty without containers', () => {
    expect(render([])).to.equal('');
  });

  it('comes in chunks that are the same whatever their number', () => {
    const many = Array.from({ length: 200 }, (_, index) => ({
      identity: identity({ pod: `p${index}` }),
      counters: counters(index),
      live: true,
    }));
    const chunks = Array.from(renderContainers(many, DETAILED, 'text'), (chunk) => Buffer.from(chunk));
    expect(chunks.length).to.be.greaterThan(3);
    for (const chunk of chunks) expect(chunk.length).to.be.below(128 * 1024);
    const text = Buffer.concat(chunks).toString();
    expect(text.match(/# TYPE kernscale_state_seconds_total/g)).to.have.length(1);
    expect(text.match(/^kernscale_container_info\{/gm)).to.have.length(many.length);
  });
});

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

  it('are exact decimals of nanoseconds, as far as a double tells them apart', () => {
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
