import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { chromium, type Browser, type Page } from 'playwright-core';
import type { Listening } from '../../common/http.js';
import { decide } from '../../scaler/core/decide-round.js';
import { EMPTY_HISTORY } from '../../scaler/core/round.js';
import type { DecisionRecord } from '../../scaler/loop/record.js';
import { at, ruleFor, samplesOf } from '../unit/scaler/core/fixtures.js';
import { recordOf, serveDecisions } from '../unit/scaler/decisions.js';
import { CHROMIUM, QUIET } from './chromium.js';
import { fleet, shop, shopRules, StandIn } from './stand-in.js';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const NO_RULES: Parameters<typeof serveDecisions>[4] = { groups: [], errors: [] };

/** What a page has once it shows something. */
const READY = '.rows .row, .details, .graph svg, .changes li, tbody tr';

/** What axe finds on a page, in short. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(readFileSync(AXE, 'utf8'));
  const found = await page.evaluate('axe.run().then(({ violations }) => violations)');
  return (found as Violation[]).map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** A proxy that serves `to` below a path. */
async function prefixed(to: string, prefix: string): Promise<{ url: string; close: () => void }> {
  const proxy = createServer((asked, answer) => {
    if (!asked.url?.startsWith(prefix)) {
      answer.writeHead(404).end();
      return;
    }
    const { pathname, search } = new URL(asked.url, to);
    const sent = request(`${to}/${pathname.slice(prefix.length)}${search}`, { headers: asked.headers });
    sent.on('response', (response) => {
      answer.writeHead(response.statusCode!, response.headers);
      response.pipe(answer);
    });
    sent.on('error', () => answer.destroy()).end();
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const close = () => {
    proxy.close().closeAllConnections();
  };
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, close };
}

/** Record of a real decision on a workload with this CPU demand, in cores. */
function record(workload: string, demand: number): DecisionRecord {
  const now = Date.now() / 1000;
  const rule = ruleFor(workload);
  const fresh = Object.entries({ cpu: demand, request: 1, pods: 2, blockio: 0, wait: 0, lock: 0 });
  const signals = Object.fromEntries(fresh.map(([signal, value]) => [signal, at(value, now)]));
  return recordOf(rule, decide(rule, samplesOf({}, signals), EMPTY_HISTORY, now));
}

describe("the scaler's page in a browser", function () {
  this.timeout(60_000);
  let browser: Browser;
  let page: Page;
  let server: Listening;
  let standIn: StandIn;
  const problems: string[] = [];

  before(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: QUIET });
  });
  after(() => browser.close());

  beforeEach(async () => {
    standIn = new StandIn();
    page = await browser.newPage();
    problems.length = 0;
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith(server.urls[0]!)) problems.push(`requests ${request.url()}`);
    });
  });
  afterEach(async () => {
    await page.close();
    await server.close();
  });

  async function open(
    shown: StandIn,
    address = '',
    told: readonly string[] = [],
    rules = NO_RULES,
  ): Promise<void> {
    standIn = shown;
    server = await serveDecisions(shown.records, 1, told, shown.board, rules);
    await page.goto(`${server.urls[0]!}/${address}`);
  }

  const row = (name: string) =>
    page.locator('.rows .row').filter({ has: page.locator('.name', { hasText: name }) });
  const put = (one: DecisionRecord): StandIn => {
    standIn.records.put(one);
    standIn.endRound();
    return standIn;
  };

  it('shows each workload with its replicas, its class and the decision in words', async () => {
    const decided = record('checkout', 4);
    await open(put(decided));
    await row('shop/checkout').waitFor();
    const text = await row('shop/checkout').innerText();
    expect(text).to.contain(`${decided.currentReplicas} → ${decided.replicas}`);
    expect(text).to.contain(decided.reason);
    expect(text).to.contain(decided.class);
    expect(await page.locator('#status').innerText()).to.equal('1 workload · 1 rule');
    expect(problems).to.deep.equal([]);
  });

  it('marks harm and its cause, and shows the states of threads as shares', async () => {
    await open(shop(Date.now() / 1000));
    await row('shop/orders').waitFor();
    expect(await row('shop/orders').locator('.harmed').innerText()).to.equal('harmed: disk');
    const bar = row('shop/orders').locator('.bar');
    expect(await bar.getAttribute('aria-label')).to.equal('disk 94 %, on a CPU 6 %, other processes 1 %');
    expect(await row('shop/web').locator('.harm').count()).to.equal(0);
    expect(await page.locator('#notices').innerText()).to.contain('Shadow: 1 workload of shadow rules');
    expect(problems).to.deep.equal([]);
  });

  it('changes the row in place when a new decision arrives', async () => {
    await open(put(record('checkout', 0.1)));
    await row('shop/checkout').waitFor();
    await page.evaluate("document.querySelector('.rows .row').dataset.mark = 'the same node'");
    const next = record('checkout', 4);
    put(next);
    await page.getByText(next.reason).first().waitFor();
    expect(await row('shop/checkout').getAttribute('data-mark')).to.equal('the same node');
  });

  it('renders names as text, never as markup', async () => {
    await open(put(record('<img src=x onerror=alert(1)>', 1)));
    await row('<img src=x').waitFor();
    expect(await page.locator('img').count()).to.equal(0);
  });

  it('says that no rule has been evaluated yet', async () => {
    await open(standIn, '', ['The rule files have no rules: nothing is scaled.']);
    await page.getByText('No rule has been evaluated yet.').waitFor();
    expect(await page.locator('.notice.bad').innerText()).to.contain('nothing is scaled');
    expect(problems).to.deep.equal([]);
  });

  it('reports that the scaler is gone, keeps the last decisions, and counts their age on', async () => {
    await open(put(record('checkout', 1)));
    await row('shop/checkout').waitFor();
    await server.close();
    await page.getByText('The scaler does not respond').waitFor();
    expect(await row('shop/checkout').count()).to.equal(1);
    expect(await row('shop/checkout').innerText()).to.match(/\b1\d s ago/);
  });

  it('tells the age of what a scaler that decides no more has decided', async () => {
    const old = { ...record('checkout', 1), at: Date.now() / 1000 - 600 };
    await open(put(old));
    await page.getByText('replicas stay as they are').waitFor();
    expect(await row('shop/checkout').innerText()).to.contain('10 min ago');
  });

  it('draws of 10,000 workloads those in sight, as one tab stop', async () => {
    await open(fleet(10_000, Date.now() / 1000));
    await page.getByText('10,000 workloads', { exact: true }).waitFor();
    expect(await page.locator('.rows .row').count()).to.be.below(40);
    await page.locator('.rows a').first().focus();
    await page.keyboard.press('End');
    await page.locator('.rows a:focus', { hasText: 'team-9/service-09989' }).waitFor();
    expect(await page.locator('.rows a[tabindex="0"]').count()).to.equal(1);
    expect(problems).to.deep.equal([]);
  });

  it('narrows the list by words and filters, and keeps them in the address', async () => {
    await open(fleet(1000, Date.now() / 1000));
    await row('service').first().waitFor();
    await page.getByLabel('Harm', { exact: true }).selectOption('yes');
    await page.getByLabel('Search').fill('team-10');
    await page.getByText('10 of 1,000 workloads').waitFor();
    expect(page.url()).to.match(/#\/\?q=team-10&harm=yes$/);
    await page.reload();
    await page.getByText('10 of 1,000 workloads').waitFor();
  });

  it('shows a workload: its last hour, and its decision as arithmetic', async () => {
    await open(shop(Date.now() / 1000), '', [], { groups: shopRules(), errors: [] });
    await row('shop/web').locator('a').click();
    await page.locator('.chart canvas').first().waitFor();
    expect(await page.locator('.chart h3').allInnerTexts()).to.deep.equal([
      'Replicas',
      'States of busy threads %',
      'Demand against capacity',
      'Requests /s',
      'Latency ms',
    ]);
    await page.locator('.arithmetic').waitFor();
    expect(await page.locator('.arithmetic').innerText()).to.match(/requests\/s × 10\.2 ms of CPU = .*÷/s);
    const text = (await page.locator('main').innerText()).replaceAll('\u00a0', ' ');
    expect(text).to.contain('Deployment · rule web at rules/scaling/shop.yaml:4');
    expect(text).to.contain('What would change it');
    expect(text).to.contain('CPU 10 ms (usually 10 ms) · disk 2 ms (usually 2 ms)');
    expect(await page.locator('.request .bar').count()).to.equal(2);
    expect(problems).to.deep.equal([]);
  });

  it('lists what has changed, newest first', async () => {
    await open(shop(Date.now() / 1000), '#/changes');
    await page.locator('.changes li').first().waitFor();
    const [newest] = await page.locator('.changes li').allInnerTexts();
    expect(newest).to.match(/shop\/payment 2 → 5 .*Not applied: the rule is in shadow mode/s);
    await page.goto(`${server.urls[0]!}/#/workload/shop/Deployment/orders`);
    await page.getByText('Its changes').waitFor();
    await page.locator('.changes li').first().waitFor();
    expect(await page.locator('.changes').innerText()).not.to.contain('payment');
  });

  it('says of a workload that it does not know that no rule has decided on it', async () => {
    await open(shop(Date.now() / 1000), '#/workload/shop/Deployment/nothing');
    await page.getByText('No rule has decided on this workload.').waitFor();
  });

  it('draws who waits on whom, the way to the bottleneck, and says the same in a table', async () => {
    await open(shop(Date.now() / 1000), '#/graph');
    await page.locator('.graph svg').waitFor();
    expect(await page.locator('.node.harmed text').allTextContents()).to.have.members([
      'shop/checkout',
      'shop/orders',
    ]);
    expect(await page.locator('.edge').count()).to.equal(4);
    expect(await page.locator('.edge.walked title').allTextContents()).to.deep.equal([
      'shop/checkout waits for shop/orders: 6 requests at once, 40 requests/s',
    ]);
    expect(await page.locator('tbody tr').first().innerText()).to.match(
      /shop\/checkout\s+shop\/orders\s+6\s+40\s+harmed: disk/,
    );
    expect(problems).to.deep.equal([]);
  });

  it('lists rules with their positions and states, and errors one per line', async () => {
    const errors = [
      'rules/shop.yaml:3:5: unknown field "foo"',
      'rules/shop.yaml:9:1: maxReplicas is missing',
    ];
    await open(shop(Date.now() / 1000), '#/rules', [], { groups: shopRules(), errors });
    await page.locator('.errors').waitFor();
    expect(await page.locator('.errors li').allInnerTexts()).to.deep.equal(errors);
    const text = await page.locator('tbody tr', { hasText: 'payment' }).innerText();
    expect(text).to.match(/shop\.yaml:\d+\s+1–20\s+1\s+shadow: not applied/);
    expect(problems).to.deep.equal([]);
  });

  const PLACES = ['#/', '#/workload/shop/Deployment/checkout', '#/graph', '#/changes', '#/rules'];
  for (const colorScheme of ['light', 'dark'] as const) {
    it(`is accessible on every page, ${colorScheme}`, async () => {
      await page.emulateMedia({ colorScheme });
      const rules = { groups: shopRules(), errors: ['rules/shop.yaml:3:5: unknown field "foo"'] };
      await open(shop(Date.now() / 1000), '', ['Prometheus is away.'], rules);
      for (const place of PLACES) {
        await page.goto(`${server.urls[0]!}/${place}`);
        await page.locator(READY).first().waitFor();
        expect(await violations(page), place).to.deep.equal([]);
      }
    });
  }

  it('works below a path, and asks nothing outside of it', async () => {
    server = await serveDecisions(standIn.records, 1, [], standIn.board);
    const proxy = await prefixed(server.urls[0]!, '/kernscale/');
    try {
      put(record('checkout', 1));
      const asked: string[] = [];
      page.on('request', (request) => asked.push(new URL(request.url()).pathname));
      await page.goto(`${proxy.url}/kernscale/`);
      await row('shop/checkout').locator('a').click();
      await page.locator('.chart canvas').first().waitFor();
      for (const path of asked) expect(path).to.match(/^\/kernscale\//);
    } finally {
      proxy.close();
    }
  });

  it('fits a phone', async () => {
    await page.setViewportSize({ width: 390, height: 800 });
    await open(put(record('checkout-with-a-rather-long-name-as-people-give-them', 1)));
    await row('shop/checkout').waitFor();
    const overflow = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
    expect(overflow).to.be.at.most(0);
  });
});
