#!/usr/bin/env node
/*
 * waits MODE [ARGUMENT]: waits as a Node.js program does.
 *
 * timers: one timer after the other. server MILLISECONDS: responds to each HTTP request after that time. client PORT:
 * sends it requests. busy MILLISECONDS: a server that computes that long per message, beside a worker thread that computes
 * all the time; prints "served REQUESTS SECONDS" after each line of input. files FILE: reads past the page cache, in libuv's pool. workers: worker threads parked without
 * work.
 */
import { open } from 'node:fs/promises';
import { constants } from 'node:fs';
import { Agent, createServer, get } from 'node:http';
import { createServer as listen } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker, isMainThread } from 'node:worker_threads';

const ready = (detail = 0) => process.stdout.write(`ready ${detail}\n`);

/** Prints the time waited so far: the truth that the probes are compared with. */
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

function serveBusily(milliseconds) {
  let [served, seconds] = [0, 0];
  const server = listen((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (message) => {
      const received = performance.now();
      while (performance.now() < received + milliseconds);
      served++;
      seconds += (performance.now() - received) / 1000;
      socket.write(message);
    });
  });
  server.listen(0, '127.0.0.1', () => ready(server.address().port));
  process.stdin.on('data', () => process.stdout.write(`served ${served} ${seconds}\n`));
  new Worker(new URL(import.meta.url), { argv: ['computing'] });
}

async function sendRequests(port) {
  const agent = new Agent({ keepAlive: true });
  const request = () =>
    new Promise((resolve, reject) =>
      get({ port, agent }, (response) => response.resume().on('end', resolve)).on('error', reject),
    );
  await request();
  ready();
  for (let waited = 0; ;) {
    const sent = performance.now();
    await request();
    waited += performance.now() - sent;
    report(waited);
  }
}

async function readFiles(path) {
  const length = 1 << 19; // takes much longer than passing the read to the pool
  const blocks = 16;
  const file = await open(path, 'w');
  await file.write(Buffer.alloc(length * blocks, 1));
  await file.sync();
  await file.close();
  const direct = await open(path, constants.O_RDONLY | constants.O_DIRECT);
  const buffer = await findAlignedBuffer(direct, length);
  ready();
  for (let waited = 0; ;) {
    const start = performance.now();
    await direct.read(buffer, 0, length, Math.floor(Math.random() * blocks) * length);
    waited += performance.now() - start;
    report(waited);
  }
}

/** Direct reads need an aligned buffer; only the kernel knows the alignment, so this tries every offset. */
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
if (mode === 'computing') for (;;);
else if (!isMainThread) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
else if (mode === 'timers') await timers();
else if (mode === 'server') serve(Number(argument));
else if (mode === 'client') await sendRequests(Number(argument));
else if (mode === 'busy') serveBusily(Number(argument));
else if (mode === 'files') await readFiles(argument);
else if (mode === 'workers') workers();
else process.exit(2);
