import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { chromium, type Browser, type Page } from 'playwright-core';
import type { Listening } from '../../common/http.js';
import { decide } from '../../scaler/core/decide-round.js';
import { EMPTY_HISTORY } from '../../scaler/core/types.js';
import { DecisionRecords, type DecisionRecord } from '../../scaler/loop/record.js';
import { at, ruleFor, samplesOf } from '../unit/scaler/core/fixtures.js';
import { byHarm, decisionOf, demandOf, harmOf, healthy, ON_DISK, RULE } from '../unit/scaler/core/traces.js';
import { recordOf, serveDecisions } from '../unit/scaler/decisions.js';

/** Path on Debian, else on Ubuntu. */
const CHROMIUM = existsSync('/usr/bin/chromium') ? '/usr/bin/chromium' : '/usr/bin/chromium-browser';
/** Keeps the browser from requesting updates on its own. */
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
];

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
  let records: DecisionRecords;
  const problems: string[] = [];

  before(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: QUIET });
  });
  after(() => browser.close());

  beforeEach(async () => {
    records = new DecisionRecords();
    server = await serveDecisions(records, 1);
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

  const row = (name: string) => page.locator('tbody tr', { hasText: name });

  it('shows each workload with its replicas, its class and the decision in words', async () => {
    const decided = record('checkout', 4);
    records.put(decided);
    await page.goto(server.urls[0]!);
    await row('shop/checkout').waitFor();
    const text = await row('shop/checkout').innerText();
    expect(text).to.contain(`${decided.currentReplicas} → ${decided.replicas}`);
    expect(text).to.contain(decided.reason);
    expect(text.replaceAll('\u00a0', ' ')).to.contain('CPU demand 4.00 cores');
    await row('shop/checkout').locator('summary').click();
    const details = await row('shop/checkout').locator('details').innerText();
    expect(details).to.contain('cpu: matched: demand 2.9× target (limit 1×) → scale by demand');
    expect(details).to.contain('deciding constraint: demand');
    expect(details).to.contain(decided.trace.wouldChange);
    expect(await page.locator('#status').innerText()).to.equal('1 workload · 1 rule');
    expect(problems).to.deep.equal([]);
  });

  it('compares the parts of a request with the usual, and marks harm', async () => {
    const demand = demandOf(10);
    const harmed = { demand, harm: harmOf('disk', ON_DISK), ...byHarm('disk', 'hold') };
    records.put(recordOf(RULE, decisionOf({ ...harmed, bindingConstraint: 'hold' })));
    await page.goto(server.urls[0]!);
    await row('shop/web').waitFor();
    const text = (await row('shop/web').innerText()).replaceAll('\u00a0', ' ');
    expect(text).to.contain('disk 180 ms (usually 12 ms) · CPU 30 ms (usually 20 ms)');
    expect(text).to.contain('CPU demand 0.10 cores · 0.73× target');
    expect(await row('shop/web').locator('.harmed').innerText()).to.equal('Harm: disk, for 40 s');
    const widths = await row('shop/web')
      .locator('.bar i')
      .evaluateAll((parts: { style: { width: string }; className: string }[]) =>
        parts.map(({ className, style }) => `${className} ${style.width}`),
      );
    expect(widths).to.deep.equal(['disk 85.7%', 'cpu 14.3%', 'disk 5.7%', 'cpu 9.5%']);
    records.put(recordOf(RULE, decisionOf({ demand, harm: healthy(ON_DISK) })));
    await row('shop/web').locator('.harm', { hasText: 'Harm: none' }).waitFor();
    expect(await row('shop/web').locator('.harmed').count()).to.equal(0);
    expect(problems).to.deep.equal([]);
  });

  it('updates the row in place when a new decision arrives', async () => {
    records.put(record('checkout', 0.1));
    await page.goto(server.urls[0]!);
    await row('shop/checkout').waitFor();
    await page.evaluate("document.querySelector('tbody tr').dataset.mark = 'the same node'");
    const next = record('checkout', 4);
    records.put(next);
    await page.getByText(next.reason).first().waitFor();
    expect(await row('shop/checkout').getAttribute('data-mark')).to.equal('the same node');
  });

  it('renders names as text, never as markup', async () => {
    records.put(record('<img src=x onerror=alert(1)>', 1));
    await page.goto(server.urls[0]!);
    await row('<img src=x').waitFor();
    expect(await page.locator('img').count()).to.equal(0);
  });

  it('reports that the scaler is gone, and keeps the last decisions', async () => {
    records.put(record('checkout', 1));
    await page.goto(server.urls[0]!);
    await row('shop/checkout').waitFor();
    await server.close();
    await page.getByText('The scaler does not respond').waitFor();
    expect(await row('shop/checkout').count()).to.equal(1);
  });

  it('fits a phone', async () => {
    records.put(record('checkout-with-a-rather-long-name-as-people-give-them', 1));
    await page.setViewportSize({ width: 390, height: 800 });
    await page.goto(server.urls[0]!);
    await row('shop/checkout').waitFor();
    const overflow = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
    expect(overflow).to.be.at.most(0);
  });
});
