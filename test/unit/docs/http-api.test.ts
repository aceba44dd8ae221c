import { readFileSync } from 'node:fs';
import type Router from '@koa/router';
import { expect } from 'chai';
import type Koa from 'koa';
import { createApp as exporterApp } from '../../../exporter/web.js';
import { createApp as scalerApp } from '../../../scaler/web/app.js';
import { fromRoot } from '../../../sandbox/paths.js';

/** `GET /metrics` of each route that the app serves. */
function routesOf(app: Koa): string[] {
  const routers = app.middleware.flatMap((layer) => ('router' in layer ? [layer.router as Router] : []));
  return routers.flatMap(({ stack }) =>
    stack.flatMap(({ methods, path }) =>
      methods.filter((method) => method !== 'HEAD').map((method) => `${method} ${String(path)}`),
    ),
  );
}

describe('docs/http-api.md', () => {
  const [, exporter = '', scaler = ''] = readFileSync(fromRoot('docs/http-api.md'), 'utf8').split(
    /^## (?:Exporter|Scaler)$/m,
  );
  const documented = (text: string) =>
    [...text.matchAll(/^\| `([A-Z]+ \/[^`]*)` \|/gm)].map(([, route]) => route);
  const none = {} as never;

  it('names the routes of the exporter', () => {
    const routes = routesOf(
      exporterApp(none, none, { version: '', maxRequests: 0 }, { error: () => undefined } as never),
    );
    expect(documented(exporter)).to.have.members(routes);
  });

  it('names the routes of the scaler', () => {
    expect(documented(scaler)).to.have.members(routesOf(scalerApp(none)));
  });
});
