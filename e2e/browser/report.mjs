// Counts what passed and how long it took, and keeps what failed, with the reason.

export class Report {
  #passed = 0
  #failed = []

  /** Runs one check; a thrown error is its failure, and the rest goes on. */
  async check(name, run) {
    const began = performance.now()
    const took = () => `${((performance.now() - began) / 1000).toFixed(1)} s`
    try {
      await run()
      this.#passed += 1
      process.stdout.write(`ok    ${name}  ${took()}\n`)
    } catch (error) {
      const reason = String(error?.message ?? error).split('\n').slice(0, 14).join('\n      ')
      this.#failed.push(name)
      process.stdout.write(`FAIL  ${name}  ${took()}\n      ${reason}\n`)
    }
  }

  /** Prints the sum; answers the exit code. */
  end() {
    if (this.#failed.length > 0) process.stdout.write(`\nFailed:\n${this.#failed.map((name) => `  ${name}\n`).join('')}`)
    process.stdout.write(`${this.#passed} passed, ${this.#failed.length} failed\n`)
    return this.#failed.length > 0 ? 1 : 0
  }
}

export function expect(truth, message) {
  if (!truth) throw new Error(message)
}
