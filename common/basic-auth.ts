import { createHmac, randomBytes } from 'node:crypto';
import bcrypt from 'bcryptjs';
import pLimit from 'p-limit';

const MAX_REMEMBERED = 100;
const MAX_WAITING = 20;

export type Verdict = 'granted' | 'denied' | 'busy';

/**
 * Checks HTTP basic authentication against bcrypt hashes. bcrypt is slow on purpose, so credentials that were right
 * are remembered (as a keyed digest), and only one check runs at a time: guessing cannot starve who is known.
 */
export class BasicAuth {
  readonly #key = randomBytes(32);
  readonly #right = new Set<string>();
  readonly #oneByOne = pLimit(1);

  /** @param users bcrypt hashes by user name, at least one */
  async check(authorization: string | undefined, users: ReadonlyMap<string, string>): Promise<Verdict> {
    const credentials = parse(authorization);
    if (!credentials) return 'denied';
    const known = users.get(credentials.user);
    // An unknown user costs as much time as a wrong password, so that names cannot be found out.
    const hash = known ?? [...users.values()][0]!;
    const digest = createHmac('sha256', this.#key)
      .update(JSON.stringify([credentials, hash]))
      .digest('hex');
    if (known !== undefined && this.#right.has(digest)) return 'granted';
    if (this.#oneByOne.pendingCount >= MAX_WAITING) return 'busy';
    return this.#oneByOne(async () => {
      if (known !== undefined && this.#right.has(digest)) return 'granted';
      const matches = await bcrypt.compare(credentials.password, hash);
      if (!matches || known === undefined) return 'denied';
      this.#remember(digest);
      return 'granted';
    });
  }

  #remember(digest: string): void {
    if (this.#right.size >= MAX_REMEMBERED) this.#right.clear();
    this.#right.add(digest);
  }
}

function parse(authorization = ''): { user: string; password: string } | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
