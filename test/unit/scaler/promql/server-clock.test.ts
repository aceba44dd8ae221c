import { expect } from 'chai';
import fc from 'fast-check';
import type { Logger } from '../../../../common/log.js';
import { ServerClock } from '../../../../scaler/promql/server-clock.js';

const START = 1_700_000_000.25;

/** A machine and a Prometheus, each with its own clock; monotonic time starts at 0. */
class Machines {
  ticks = 0;
  /** Seconds by which each clock is ahead of the true time. */
  own = 0;
  server = 0;
  readonly lines: { readonly code?: string; readonly text: string }[] = [];
  readonly clock = new ServerClock(
    {
      warn: ({ code }: { code: string }, text: string) => this.lines.push({ code, text }),
      info: (text: string) => this.lines.push({ text }),
    } as unknown as Logger,
    { wall: () => START + this.ticks + this.own, ticks: () => this.ticks },
  );

  get serverTime(): number {
    return START + this.ticks + this.server;
  }

  /** An answer that takes as long each way. */
  answer(seconds = 0.01, headers: Record<string, string> = {}): void {
    const sent = this.ticks;
    this.ticks += seconds;
    const date = new Date(this.serverTime * 1000).toUTCString();
    this.ticks += seconds;
    this.clock.observe({ date, ...headers }, sent);
  }

  /** Answers at different parts of a second. */
  answers(): void {
    for (let i = 0; i < 20; i++) {
      this.answer();
      this.ticks += 0.37;
    }
  }

  get error(): number {
    return this.clock.now() - this.serverTime;
  }
}

describe("Prometheus' clock", () => {
  it('is the own clock to the millisecond while no answer contradicts it', () => {
    const machines = new Machines();
    expect(machines.error).to.equal(0);
    expect(machines.clock.skew()).to.equal(undefined);
    machines.answers();
    expect(machines.error).to.equal(0);
    expect(machines.clock.skew()).to.equal(0);
    expect(machines.clock.problems()).to.deep.equal([]);
    expect(machines.lines).to.deep.equal([]);
  });

  for (const skew of [-60, 60, -3600, 3600]) {
    it(`is known within a second after one answer, and closer after some, with a skew of ${skew} s`, () => {
      const machines = new Machines();
      machines.own = skew;
      machines.answer();
      expect(machines.error).to.be.within(-1.02, 1.02);
      machines.answers();
      expect(machines.error).to.be.within(-0.1, 0.1);
      expect(machines.clock.skew()).to.be.closeTo(skew, 0.1);
    });
  }

  it('goes on in monotonic time while the own clock is set', () => {
    const machines = new Machines();
    machines.answers();
    for (const own of [-3600, 3600, 0]) {
      machines.own = own;
      machines.ticks += 10;
      expect(machines.error).to.be.within(-0.1, 0.1);
    }
  });

  it('is followed where it is set itself', () => {
    const machines = new Machines();
    machines.answers();
    machines.server = -3600;
    machines.answers();
    expect(machines.error).to.be.within(-0.1, 0.1);
    expect(machines.lines.map(({ code }) => code)).to.deep.equal(['CLOCK_STEP', 'CLOCK_SKEW']);
    expect(machines.lines[0]!.text).to.match(/set 3(599|600) s back/);
  });

  it('passes times again after it was set back, until it has caught up', () => {
    const machines = new Machines();
    machines.answers();
    machines.server = 3600;
    machines.answers();
    expect(machines.clock.repeats()).to.equal(false);
    machines.server = 0;
    machines.answers();
    machines.ticks += 3000;
    expect(machines.clock.repeats()).to.equal(true);
    expect(machines.clock.problems().join()).to.match(
      /^Prometheus' clock was set back: for 5\d\d s more its data may be of the past/,
    );
    machines.ticks += 600;
    expect(machines.clock.repeats()).to.equal(false);
    expect(machines.clock.problems()).to.deep.equal([]);
  });

  it('is followed within a tenth of a second whatever the clocks do and answers take', () => {
    const step = fc.record({
      own: fc.constantFrom(-3600, -60, 0, 60, 3600),
      server: fc.constantFrom(-3600, 0, 3600),
      seconds: fc.double({ min: 0, max: 0.04, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
        const machines = new Machines();
        for (const { own, server, seconds } of steps) {
          Object.assign(machines, { own, server });
          for (let i = 0; i < 30; i++) {
            machines.answer(seconds);
            machines.ticks += 0.23;
          }
          expect(machines.error).to.be.within(-0.2, 0.2);
        }
      }),
    );
  });

  it('is not read from an answer that a cache kept, without a date, or with another one', () => {
    const machines = new Machines();
    machines.server = -600;
    machines.answer(0.01, { age: '600' });
    machines.answer(0.01, { date: 'yesterday' });
    machines.clock.observe({}, machines.ticks);
    expect(machines.clock.skew()).to.equal(undefined);
    expect(machines.error).to.equal(600);
  });

  it('names a skew of more than 5 s while there is one, and logs its beginning and end', () => {
    const machines = new Machines();
    machines.own = -4;
    machines.answers();
    expect(machines.clock.problems()).to.deep.equal([]);
    machines.own = -60;
    machines.answers();
    expect(machines.clock.problems()).to.deep.equal([
      "The clock of this machine is 60 s behind Prometheus', by which rounds go; synchronize the clocks.",
    ]);
    machines.own = 120;
    machines.answers();
    expect(machines.clock.problems()[0]).to.include("120 s ahead of Prometheus'");
    machines.own = 0;
    machines.answers();
    expect(machines.clock.problems()).to.deep.equal([]);
    expect(machines.lines.map(({ code = 'none' }) => code)).to.deep.equal(['CLOCK_SKEW', 'none']);
  });
});
