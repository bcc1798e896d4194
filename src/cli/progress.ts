import { Presets, SingleBar } from 'cli-progress'

export interface Progress {
  /** Shows how much is done. The total may grow. */
  update: (done: number, total: number) => void
  end: () => void
}

/** Plain lines come at most this often. */
const LINE_MS = 2000

/**
 * Shows progress with rate and time left on stderr: a bar on a terminal, plain lines elsewhere, and
 * nothing at all when a program reads the output.
 */
export function createProgress(label: string, { quiet }: { quiet: boolean }): Progress {
  if (quiet) return { update: () => undefined, end: () => undefined }
  return process.stderr.isTTY ? bar(label) : lines(label)
}

function bar(label: string): Progress {
  const started = performance.now()
  // Narrow enough for a line of 80 characters.
  const single = new SingleBar(
    {
      format: `${label} {bar} {percentage}% | {value}/{total} | {rate}/s | {left} left`,
      barsize: 20,
    },
    Presets.shades_classic,
  )
  return {
    update(done, total) {
      // A bar for nothing yet would show 100%.
      if (total === 0) return
      const shown = pace(started, done, total)
      if (!single.isActive) single.start(total, done, shown)
      single.setTotal(total)
      single.update(done, shown)
    },
    end: () => single.stop(),
  }
}

function lines(label: string): Progress {
  const started = performance.now()
  let last = started
  let shown = ''
  return {
    update(done, total) {
      // The result itself comes next.
      if (done === total) return
      if (performance.now() - last < LINE_MS || shown === `${done} ${total}`) return
      last = performance.now()
      shown = `${done} ${total}`
      const { rate, left } = pace(started, done, total)
      process.stderr.write(`${label}: ${done} of ${total}, ${rate}/s, ${left} left\n`)
    },
    end: () => undefined,
  }
}

function pace(started: number, done: number, total: number): { rate: number; left: string } {
  const seconds = (performance.now() - started) / 1000
  const rate = Math.round(done / seconds)
  return { rate, left: rate > 0 ? `${Math.ceil((total - done) / rate)} s` : '?' }
}
