/*
 * Calls every function of the addon, with valid and invalid arguments and in every state of its handles.
 * sanitized.test.ts runs it with the sanitized addon. Arguments: the path of index.ts, the cgroup that this process is
 * in, and a directory on a disk.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cgroupRoot } from './mounts.js';

type Native = typeof import('../../native/index.js');
type Probes = ReturnType<Native['openProbes']>;
type StackSampler = ReturnType<Native['openStackSampler']>;

const MAX_CONTAINERS = 16;

const [index, cgroup, scratch] = process.argv.slice(2) as [string, string, string];
const { openBelow, openProbes, openStackSampler, kernelMemory } = (await import(index)) as Native;
const addon = createRequire(index)('./build/kernscale.node') as Record<
  string,
  (...values: unknown[]) => unknown
>;
const own = statSync(cgroup, { bigint: true }).ino;
const options = { cgroupRoot: cgroupRoot(), maxContainers: MAX_CONTAINERS, cgroupEvents: true };

rejectArguments();
rejectOptions();
closeWhileInUse();
collectHandles();

const probes = openProbes({ ...options, onMessage: () => undefined });
const sampler = openStackSampler();
for (const { program, attached } of [...probes.programs, ...sampler.programs]) assert.ok(attached, program);
await followCgroups(probes);
fillSlots(probes);
await readWork(probes);
await sampleStacks(sampler);
assert.ok(!probes.dropCapabilities().includes('CAP_SYS_PTRACE'));
await readWork(probes);
await sampleStacks(sampler);
openFiles();
// Both stay open, so that the end of the process finalizes them and the listener of cgroup events.
process.stdout.write('done\n');

/** Calls each function without arguments and with values of a wrong type, also beside a valid handle. */
function rejectArguments(): void {
  const foreign = [undefined, {}, 1, 'text', new Uint8Array(8)];
  for (const [name, call] of Object.entries(addon)) {
    if (name === 'takeMessages') continue;
    assert.throws(() => call(), name);
    for (const value of foreign) {
      if (name === 'openSampler' && value === 1) continue; // 1 Hz
      assert.throws(() => call(value), name);
      assert.throws(() => call(value, {}), name);
    }
  }
  const handle = addon.openSampler!(99);
  assert.throws(() => addon.read!(handle), { code: 'BAD_ARGUMENT' });
  for (const call of [addon.selectCgroups!, addon.runSampler!, addon.nameAddresses!]) {
    assert.throws(() => call(handle));
    assert.throws(() => call(handle, 1));
    assert.throws(() => call(handle, new Uint8Array(8)));
  }
  addon.closeSampler!(handle);
}

function rejectOptions(): void {
  for (const maxContainers of [0, 2 ** 32 - 1, -1, 1.5e9])
    assert.throws(() => openProbes({ ...options, maxContainers }), String(maxContainers));
  assert.throws(() => openProbes({ ...options, probes: ['sampling'], cgroupEvents: false, sampleHz: 1e9 }));
  openProbes({ cgroupRoot: 'x'.repeat(5000), probes: ['sampling'], shards: 1 }).close();
  assert.ok(kernelMemory(2, MAX_CONTAINERS) > 0);
}

function closeWhileInUse(): void {
  const closing = openProbes(options);
  closing.followCgroups(() => undefined);
  closing.track(own);
  closing.close();
  closing.close();
  const uses: (() => unknown)[] = [
    () => closing.read(),
    () => closing.track(1n),
    () => {
      closing.untrack(1n);
    },
    () => closing.dropCapabilities(),
    () => {
      closing.followCgroups(() => undefined);
    },
  ];
  for (const use of uses) assert.throws(use, { code: 'CLOSED' });
  const closingSampler = openStackSampler();
  closingSampler.start([own]);
  closingSampler.close();
  closingSampler.close();
  const samplerUses: (() => unknown)[] = [
    () => closingSampler.take(),
    () => closingSampler.counts(),
    () => closingSampler.kernelNames([-1]),
    () => {
      closingSampler.start([own]);
    },
    () => {
      closingSampler.stop();
    },
  ];
  for (const use of samplerUses) assert.throws(use, { code: 'CLOSED' });
}

/** Drops handles without closing them, so that the garbage collector does. */
function collectHandles(): void {
  openProbes({ ...options, probes: ['sampling'] }).followCgroups(() => undefined);
  openStackSampler().start([own]);
  globalThis.gc!();
}

async function followCgroups(probes: Probes): Promise<void> {
  const removed = new Set<string>();
  const names = Array.from({ length: 100 }, (_, i) => `sanitized${i}`);
  probes.followCgroups(() => undefined);
  probes.followCgroups(({ events }) => {
    for (const { kind, name } of events) if (kind === 'removed') removed.add(name);
  });
  for (const name of names) {
    const directory = path.join(cgroup, name);
    mkdirSync(directory);
    probes.track(statSync(directory, { bigint: true }).ino);
    probes.untrack(statSync(directory, { bigint: true }).ino);
    rmdirSync(directory);
    if (names.indexOf(name) % 10 === 0) probes.read();
  }
  await until(() => names.every((name) => removed.has(name)));
}

function fillSlots(probes: Probes): void {
  const ids = Array.from({ length: MAX_CONTAINERS }, (_, i) => BigInt(i + 1));
  for (const id of ids) probes.track(id);
  assert.throws(() => probes.track(0xffff_ffffn), { code: 'SLOTS_FULL' });
  assert.equal(probes.read().containers.length, MAX_CONTAINERS + 1);
  for (const id of [...ids, 0xffff_ffffn]) probes.untrack(id);
  assert.equal(probes.read().containers.length, 1);
}

/** Reads counters with entries of every kind: histograms, block devices and peers. */
async function readWork(probes: Probes): Promise<void> {
  const slot = probes.track(own);
  const costs = probes.measure(50);
  for (let i = 0; i < 3; i++) {
    await exchange();
    writeToDisk();
    probes.read();
  }
  await until(() => {
    burn(10);
    const counters = probes.read().containers.find((container) => container.slot === slot)!;
    const { scalars, blockIo, peers } = counters;
    const samples = scalars.samples_user + scalars.samples_kernel;
    return samples > 0 && blockIo.length > 0 && peers.some(({ histograms }) => histograms.wait.sum > 0);
  });
  assert.ok((await costs).programs.length > 0);
  probes.untrack(own);
}

/** One request and its response between this process and itself. */
async function exchange(): Promise<void> {
  const server = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  client.write('request');
  await once(client, 'data');
  client.destroy();
  server.close();
}

function writeToDisk(): void {
  const file = openSync(path.join(scratch, 'data'), 'w');
  writeSync(file, Buffer.alloc(64 * 1024));
  fsyncSync(file);
  closeSync(file);
}

async function sampleStacks(sampler: StackSampler): Promise<void> {
  const kernel = new Set<number>();
  assert.throws(() => {
    sampler.select(Array.from({ length: 1000 }, (_, i) => BigInt(i)));
  });
  sampler.start([own]);
  await until(() => {
    burn(20);
    for (const sample of sampler.take()) for (const address of sample.kernel) kernel.add(address);
    return kernel.size > 0;
  });
  assert.ok((await sampler.mappings()).length > 0);
  assert.ok(sampler.kernelNames([...kernel]).size > 0);
  const unnamed = Array.from({ length: 3000 }, (_, i) => i);
  assert.equal(sampler.kernelNames(unnamed).size, 0);
  assert.throws(() => addon.nameAddresses!(sampler, new BigUint64Array(1)), { code: 'BAD_ARGUMENT' });
  sampler.stop();
  assert.ok(sampler.counts().runs > 0);
}

function openFiles(): void {
  const file = openBelow('/proc/self/root', '/proc/self/status')!;
  closeSync(file);
  assert.equal(openBelow('/no such directory', '/etc/passwd'), undefined);
  assert.equal(openBelow('/', 'x'.repeat(10_000)), undefined);
  assert.equal(openBelow('x'.repeat(10_000), '/'), undefined);
}

/** Uses a CPU, in user and kernel mode. */
function burn(milliseconds: number): void {
  for (const start = performance.now(); performance.now() < start + milliseconds;)
    readFileSync('/proc/self/maps');
}

async function until(holds: () => boolean): Promise<void> {
  const start = performance.now();
  while (!holds()) {
    assert.ok(performance.now() < start + 20_000, `not within 20 s: ${holds.toString()}`);
    await sleep(10);
  }
}
