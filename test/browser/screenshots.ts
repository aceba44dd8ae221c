/** `npm run screenshots`: draws the pages of the stand-in shop into docs/, as the README shows them. */
import path from 'node:path';
import { chromium } from 'playwright-core';
import { packageRoot } from '../../common/main.js';
import { serveDecisions } from '../unit/scaler/decisions.js';
import { CHROMIUM, QUIET } from './chromium.js';
import { shop, shopRules } from './stand-in.js';

const PICTURES = [
  ['decisions.png', '#/'],
  ['workload.png', '#/workload/shop/Deployment/checkout'],
] as const;

const { records, board } = shop(Date.now() / 1000);
const server = await serveDecisions(records, 5, [], board, { groups: shopRules(), errors: [] });
const browser = await chromium.launch({ executablePath: CHROMIUM, args: QUIET });
const page = await browser.newPage({ viewport: { width: 1180, height: 480 }, deviceScaleFactor: 1.25 });
for (const [file, address] of PICTURES) {
  await page.goto(`${server.urls[0]!}/${address}`);
  await page.locator('.rows .row, .details').first().waitFor();
  await page.screenshot({ path: path.join(packageRoot(), 'docs', file), fullPage: true });
}
await browser.close();
await server.close();
