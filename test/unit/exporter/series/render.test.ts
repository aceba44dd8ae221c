import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import type { TextFormat } from '../../../../exporter/exposition/format.js';
import type { ContainerSeries } from '../../../../exporter/series/counters.js';
import { SeriesLimiter } from '../../../../exporter/series/limit.js';
import { renderContainers, type RenderOptions } from '../../../../exporter/series/render.js';
import { busyCounters, BY_DEFAULT, counters, DETAILED, identity, rendered, resultOf } from '../fixtures.js';

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
    starvedSeconds: 1.25,
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
    expect(text).not.to.match(
      /kernscale_(state_seconds|oncpu|cpu_samples|blockio|tcp_connections|tcp_retransmits)/,
    );
  });

  it('has of a container whose threads cannot be seen its CPU time, its starvation and the reason', () => {
    const rest = identity({ container: '', isRestOfPod: true, cpuRequest: undefined });
    const all = [
      { identity: identity(), counters: counters(1), opaque: 'sandboxed', live: true },
      { identity: rest, counters: busyCounters(2), opaque: 'sandboxed', starvedSeconds: 4, live: true },
    ] as const;
    const of = (options: RenderOptions) =>
      render(all, 'text', options)
        .match(/^kernscale.*$/gm)!
        .map((line) =>
          line.replace(/namespace=.*container="(\w*)",workload="web",workload_kind="Deployment"/, '$1'),
        );
    const expected = [
      'kernscale_container_info{web,image="registry.example/web:1.2",container_id="containerd://aa"} 1',
      'kernscale_container_cpu_request_cores{web} 0.2',
      'kernscale_container_opaque{web,reason="sandboxed"} 1',
      'kernscale_container_opaque{,reason="sandboxed"} 1',
      'kernscale_state_seconds_total{,state="oncpu"} 2',
      'kernscale_cpu_starved_seconds_total{} 4',
    ];
    expect(of(DETAILED)).to.deep.equal(expected);
    expect(of({ ...DETAILED, programs: new Set() }), 'without any program').to.deep.equal(expected);
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

  it('has nothing of the rest of a pod but its share of the pod’s time', () => {
    const rest = identity({ container: '', isRestOfPod: true, cpuRequest: undefined });
    const series = [{ identity: rest, counters: busyCounters(1), live: true }];
    for (const text of [
      render(series),
      render(resultOf(new SeriesLimiter().limit(series, 0)), 'text', BY_DEFAULT),
    ]) {
      const names = [...text.matchAll(/^(\w+)\{/gm)].map(([, name]) => name);
      expect([...new Set(names)]).to.deep.equal([
        'kernscale_state_seconds_total',
        'kernscale_cpu_samples_total',
      ]);
    }
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
