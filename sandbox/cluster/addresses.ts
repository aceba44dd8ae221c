/**
 * Hands out addresses of one /16 in the loopback network, `prefix.0.1` to `prefix.255.254`. Addresses are used
 * in turn, so one that was just freed does not come back at once and meet clients of its last owner.
 */
export class AddressPool {
  #last = 0;

  constructor(readonly prefix: string) {}

  next(inUse: ReadonlySet<string>): string {
    for (;;) {
      this.#last = (this.#last % 65_534) + 1;
      const address = `${this.prefix}.${this.#last >> 8}.${this.#last & 255}`;
      if (!inUse.has(address)) return address;
    }
  }
}
