/**
 * How long one exposition takes: `npx tsx test/bench/exporter-render.ts [containers...]`, default 110 and 500.
 * CPU time, not wall-clock time, so that a busy machine
 * does not spoil the figures. Every container is busy in every way, with two peers and one device: the worst case, not the usual one.
 */
import { gzipSync } from 'node:zlib';
import { renderContainers } from '../../exporter/render.js';
import { ALL_PROBES, BOUNDS, busyCounters, identity } from '../unit/exporter-fixtures.js';

const ROUNDS = 30;

for (const count of process.argv.length > 2 ? process.argv.slice(2).map(Number) : [110, 500]) {
  const series = Array.from({ length: count }, (_, index) => ({
    identity: identity({ pod: `checkout-6d4cf56db6-${index.toString(36).padStart(5, '0')}` }),
    counters: busyCounters(index + 1),
    live: true,
  }));
  const whole: number[] = [];
  let longest = 0;
  let text = '';
  for (let round = 0; round < ROUNDS; round++) {
    const chunks: string[] = [];
    const before = process.cpuUsage();
    let last = performance.now();
    for (const chunk of renderContainers(series, { format: 'text', probes: ALL_PROBES, bounds: BOUNDS })) {
      chunks.push(chunk);
      const now = performance.now();
      if (round > 0) longest = Math.max(longest, now - last);
      last = now;
    }
    const { user, system } = process.cpuUsage(before);
    whole.push((user + system) / 1000);
    text = chunks.join('');
  }
  const [first] = whole;
  const median = whole.slice(1).sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!;
  const figures = {
    containers: count,
    lines: text.split('\n').length,
    megabytes: +(text.length / 1e6).toFixed(1),
    gzippedMegabytes: +(gzipSync(text, { level: 1 }).length / 1e6).toFixed(2),
    firstCpuMs: +first!.toFixed(1),
    medianCpuMs: +median.toFixed(1),
    longestChunkMs: +longest.toFixed(1),
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}
