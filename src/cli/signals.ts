const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** Aborts at the first SIGINT or SIGTERM. The next one ends the process as usual. */
export function onSignal(): AbortSignal {
  return listen().signal
}

/** Does a piece of work that the first SIGINT or SIGTERM is to end. Later ones are as usual. */
export async function untilSignal<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { signal, stop } = listen()
  try {
    return await work(signal)
  } finally {
    stop()
  }
}

function listen(): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController()
  const stop = () => {
    for (const name of SIGNALS) process.off(name, abort)
  }
  const abort = () => {
    stop()
    controller.abort()
  }
  for (const name of SIGNALS) process.on(name, abort)
  return { signal: controller.signal, stop }
}
