/** What the clients write down: a line before each request, and a line after its answer. */

export interface Mark {
  mark: string
  key: string
}

export type Request =
  | { op: 'create'; policy: string; items: [Mark] }
  | { op: 'batch'; policy: string; items: Mark[] }
  | { op: 'find'; key: string }
  | { op: 'delete'; id: string }
  | { op: 'rename'; id: string; key: string }
  | { op: 'restore'; id: string }
  | { op: 'copy'; requestKey: string }

export interface Asked {
  what: 'asked'
  /** Names the request: client and number. */
  call: string
  /** Nanoseconds of the system's monotonic clock, which is one for all processes. */
  at: number
  request: Request
}

export interface Answered {
  what: 'answered'
  call: string
  at: number
  status: number
  body: unknown
}
