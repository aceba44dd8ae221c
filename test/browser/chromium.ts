import { existsSync } from 'node:fs';

/** Path on Debian, else on Ubuntu. */
export const CHROMIUM = existsSync('/usr/bin/chromium') ? '/usr/bin/chromium' : '/usr/bin/chromium-browser';
/** Keeps the browser from requesting updates on its own. */
export const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
];
