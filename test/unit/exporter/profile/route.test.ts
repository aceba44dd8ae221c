import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { StackSampler } from 'bpf-linker-napi';
import { expect } from 'chai';
import Koa from 'koa';
import { pino } from 'pino';
import { Profiler } from '../../../../exporter/profile/profiler.js';
import {
  parseProfileRequest,
  serveProfile,
  type ProfileService,
} from '../../../../exporter/profile/route.js';

describe('requests for a profile', () => {
  const parse = (query: string) => parseProfileRequest(new URLSearchParams(query));

  it('name a pod, and may have more parameters', () => {
    expect(parse('namespace=shop&pod=web-1')).to.deep.equal({
      namespace: 'shop',
      pod: 'web-1',
      container: undefined,
      seconds: 10,
      format: 'pprof',
    });
    expect(parse('namespace=shop&pod=web-1&container=web&seconds=0.5&format=folded')).to.include({
      container: 'web',
      seconds: 0.5,
      format: 'folded',
    });
  });

  const WRONG: Record<string, RegExp> = {
    'pod=web': /"namespace" is missing/,
    'namespace=shop&pod=': /"pod" is missing/,
    'namespace=a&pod=b&seconds=0': /seconds=0 is not/,
    'namespace=a&pod=b&seconds=61': /up to 60/,
    'namespace=a&pod=b&seconds=-1': /seconds=-1 is not/,
    'namespace=a&pod=b&seconds=1e1': /seconds=1e1 is not/,
    'namespace=a&pod=b&format=svg': /neither pprof nor folded/,
    'namespace=a&pod=b&second=5': /no parameter "second"/,
  };
  for (const [query, message] of Object.entries(WRONG)) {
    it(`are refused: ${query}`, () => {
      expect(() => parse(query))
        .to.throw(message)
        .with.property('code', 'BAD_PROFILE_REQUEST');
    });
  }
});

describe('GET /profile', () => {
  let server: Server;
  let service: { -readonly [K in keyof ProfileService]: ProfileService[K] };

  /** A sampler whose kernel side cannot be read. */
  const broken = {
    hz: 99,
    programs: [],
    start: () => undefined,
    select: () => undefined,
    take: () => [],
    mappings: () => Promise.reject(new Error('the iterator is gone')),
    kernelNames: () => new Map(),
    stop: () => undefined,
    counts: () => ({ runs: 0, lost: 0 }),
    close: () => undefined,
  } satisfies StackSampler;

  beforeEach(async () => {
    service = {
      profiler: new Profiler({ sampler: broken, readsFiles: false, procfs: '/proc' }),
      unavailable: 'this kernel takes no profiles',
      isAllowed: () => true,
      targetOf:
        ({ pod }) =>
        () =>
          pod === 'web-1' ? new Map([[1n, 'web']]) : new Map(),
    };
    const log = pino({ level: 'silent' });
    const app = new Koa();
    app.use((context) => serveProfile(context, service, log));
    server = createServer((request, response) => void app.callback()(request, response)).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
  });

  afterEach(async () => {
    server.close();
    await once(server, 'close');
  });

  const request = (query: string, method = 'GET') =>
    fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/profile?${query}`, {
      method,
      headers: { connection: 'close' },
    });
  const WEB = 'namespace=shop&pod=web-1&seconds=0.1';

  const REFUSALS: Record<
    string,
    [status: number, code: string, query: string, given: Partial<ProfileService>]
  > = {
    'a wrong parameter': [400, 'BAD_PROFILE_REQUEST', 'pod=web-1', {}],
    'everything when it is off': [403, 'PROFILE_DISABLED', WEB, { isAllowed: () => false }],
    'pods of other nodes': [404, 'POD_UNKNOWN', 'namespace=shop&pod=web-2', {}],
    'everything when the kernel cannot': [501, 'PROFILE_UNAVAILABLE', WEB, { profiler: undefined }],
    'what fails half way': [500, 'PROFILE_FAILED', WEB, {}],
  };
  for (const [what, [status, code, query, given]] of Object.entries(REFUSALS)) {
    it(`refuses ${what}`, async () => {
      Object.assign(service, given);
      const response = await request(query);
      expect(response.status).to.equal(status);
      expect(await response.text()).to.match(new RegExp(`\\[${code}\\]\n$`));
    });
  }

  it('is free again after a failure', async () => {
    expect((await request(WEB)).status).to.equal(500);
    expect(service.profiler!.busySeconds).to.equal(0);
    expect((await request(WEB)).status).to.equal(500);
  });

  it('responds to HEAD at once, without a profile', async () => {
    const response = await request('namespace=shop&pod=web-1&seconds=50', 'HEAD');
    expect(response.status).to.equal(200);
    expect(response.headers.get('content-type')).to.equal('application/octet-stream');
  });
});
