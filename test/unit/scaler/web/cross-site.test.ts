import { expect } from 'chai';
import { refusal } from '../../../../scaler/web/cross-site.js';

const EXTERNAL = new URL('https://Scaler.example.com/kernscale/');

describe('requests of a browser', () => {
  const codeOf = (headers: Record<string, string>, { method = 'GET', path = '/api/v1/decisions' } = {}) =>
    refusal({ method, path, headers }, EXTERNAL)?.code;

  const SAFE: [what: string, hosts: string[]][] = [
    ['an address', ['10.42.0.7:5001', '127.0.0.1', '[::1]:5001', '[fd00::7]']],
    ['this machine', ['localhost:5001', 'LOCALHOST', 'localhost.', 'kernscale.localhost:8080']],
    ['a name without a dot', ['kernscale-scaler:5001', 'node-1', 'my_host']],
    ['a Service', ['kernscale-scaler.kernscale.svc:5001', 'kernscale-scaler.kernscale.svc.cluster.local.']],
    ['a private network', ['raspberrypi.local:5001', 'scaler.corp.internal', 'host.docker.internal:5001']],
    ['the external URL', ['scaler.example.com', 'SCALER.example.com:443', 'scaler.example.com.:5001']],
  ];
  for (const [what, hosts] of SAFE) {
    it(`may name ${what}`, () => {
      for (const host of hosts) expect(codeOf({ host }), host).to.equal(undefined);
    });
  }

  it('may not name a host that a website can have: its name may lead here now (DNS rebinding)', () => {
    const names = ['evil.com', 'evil.com:5001', 'scaler.example.com.evil.com', 'x.svc.evil.com', 'a.shop'];
    const odd = [
      '127.0.0.1.evil.com',
      '1.2.3.4.5',
      'evil.com@localhost',
      'evil.com#.local',
      '[evil.com]',
      '',
    ];
    for (const host of [...names, ...odd]) expect(codeOf({ host }), host).to.equal('HOST_REFUSED');
  });

  it('are told which flag allows a name', () => {
    const { message } = refusal(
      { method: 'GET', path: '/', headers: { host: 'scaler.shop.com:80' } },
      undefined,
    )!;
    expect(message).to.match(/"scaler\.shop\.com:80".*--web\.external-url=http:\/\/scaler\.shop\.com:80$/);
  });

  it('may name any host where scrapers and probes do, and programs without the header any path', () => {
    for (const path of ['/metrics', '/-/healthy', '/-/ready']) {
      expect(codeOf({ host: 'scaler.shop.com' }, { path })).to.equal(undefined);
    }
    expect(codeOf({})).to.equal(undefined);
  });

  const post = (headers: Record<string, string>) =>
    codeOf({ host: 'localhost:5001', ...headers }, { method: 'POST', path: '/-/reload' });

  it('may change something if they come from its own page, or from no page', () => {
    for (const headers of [
      {},
      { origin: 'http://localhost:5001' },
      { origin: 'http://LOCALHOST:5001', 'sec-fetch-site': 'same-origin' },
      { 'sec-fetch-site': 'none' },
      { host: 'kernscale-scaler', origin: 'http://kernscale-scaler' },
      { host: '[::1]:5001', origin: 'http://[::1]:5001' },
      // A proxy that ends TLS, and one that replaces the host as well.
      { host: 'scaler.example.com', origin: 'https://scaler.example.com' },
      {
        host: 'kernscale-scaler:5001',
        origin: 'https://scaler.example.com',
        'sec-fetch-site': 'same-origin',
      },
    ]) {
      expect(post(headers), JSON.stringify(headers)).to.equal(undefined);
    }
  });

  it('may not change anything for another page (CSRF)', () => {
    for (const headers of [
      { origin: 'https://evil.com' },
      { origin: 'null' },
      { origin: 'http://localhost:3000' },
      { origin: 'http://localhost' },
      { origin: 'not a URL' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: 'http://localhost:3000' },
      { origin: 'http://scaler.example.com' },
    ]) {
      expect(post(headers), JSON.stringify(headers)).to.equal('ORIGIN_REFUSED');
    }
  });

  it('may read for another page, which cannot see the response', () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      expect(codeOf({ host: 'localhost', origin: 'https://evil.com' }, { method })).to.equal(undefined);
    }
  });
});
