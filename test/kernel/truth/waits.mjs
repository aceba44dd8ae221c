#!/usr/bin/env node
/*
 * waits MODE: Node's own ways of waiting.
 *
 * timers: a timer after the other. server MILLISECONDS: answers each HTTP request after so long. client PORT: asks
 * it again and again. files FILE: reads that the page cache does not hold, in libuv's pool. workers: worker threads
 * parked without work.
 */
import { open } from 'node:fs/promises';
import { constants } from 'node:fs';
import { Agent, createServer, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker, isMainThread } from 'node:worker_threads';

const ready = (detail = 0) => process.stdout.write(`ready ${detail}\n`);

/** What has been waited for so far: the truth that the probes are compared with. */
const report = (waited) =>
  process.stdout.write(`waited ${(performance.timeOrigin + performance.now()) / 1000} ${waited / 1000}\n`);

async function timers() {
  ready();
  for (;;) await sleep(5);
}

function serve(milliseconds) {
  const server = createServer((request, response) => {
    if (milliseconds === 0) response.end('done');
    else setTimeout(() => response.end('done'), milliseconds);
  });
  server.listen(0, '127.0.0.1', () => ready(server.address().port));
}

async function ask(port) {
  const agent = new Agent({ keepAlive: true });
  const answer = () =>
    new Promise((resolve, reject) =>
      get({ port, agent }, (response) => response.resume().on('end', resolve)).on('error', reject),
    );
  await answer();
  ready();
  for (let waited = 0; ;) {
    const asked = performance.now();
    await answer();
    waited += performance.now() - asked;
    report(waited);
  }
}

async function readFiles(path) {
  const length = 1 << 19; // long beside what handing a read to the pool takes
  const blocks = 16;
  const file = await open(path, 'w');
  await file.write(Buffer.alloc(length * blocks, 1));
  await file.sync();
  await file.close();
  const direct = await open(path, constants.O_RDONLY | constants.O_DIRECT);
  const buffer = await findAlignedBuffer(direct, length);
  ready();
  for (let waited = 0; ;) {
    const asked = performance.now();
    await direct.read(buffer, 0, length, Math.floor(Math.random() * blocks) * length);
    waited += performance.now() - asked;
    report(waited);
  }
}

/** Direct reads want a buffer whose address is a multiple of what only the kernel knows: it takes one of these. */
async function findAlignedBuffer(file, length) {
  const page = 4096;
  const memory = new ArrayBuffer(length + page);
  for (let offset = 0; offset < page; offset += 8) {
    const buffer = Buffer.from(memory, offset, length);
    const { bytesRead } = await file.read(buffer, 0, length, 0).catch(() => ({ bytesRead: 0 }));
    if (bytesRead === length) return buffer;
  }
  throw new Error('no buffer can be read into directly');
}

function workers() {
  let online = 0;
  for (let i = 0; i < 4; i++)
    new Worker(new URL(import.meta.url), { argv: ['parked'] }).on('online', () => ++online === 4 && ready());
}

const [mode, argument] = process.argv.slice(2);
if (!isMainThread) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
else if (mode === 'timers') await timers();
else if (mode === 'server') serve(Number(argument));
else if (mode === 'client') await ask(Number(argument));
else if (mode === 'files') await readFiles(argument);
else if (mode === 'workers') workers();
else process.exit(2);
