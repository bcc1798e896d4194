import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { createLocalProgress } from '../../src/platform/progress-channel.ts'
import { recordingLogger } from '../support/log.ts'
import { silent } from '../support/silent.ts'

/** Two windows, and some more for a busy machine. */
const LATER_MS = 600

test('a request is announced at once, then at the end of a window, and the last time is never lost', async () => {
  const progress = createLocalProgress(silent)
  const heard: string[] = []
  progress.onProgress((requestId) => heard.push(requestId))
  for (let i = 0; i < 1000; i++) progress.announce('1')
  progress.announce('2')
  expect(heard).toEqual(['1', '2'])
  await sleep(LATER_MS)
  expect(heard).toEqual(['1', '2', '1'])
})

test('a steady stream comes about five times a second', async () => {
  const progress = createLocalProgress(silent)
  let heard = 0
  progress.onProgress(() => heard++)
  const start = performance.now()
  while (performance.now() - start < 1000) {
    progress.announce('1')
    await sleep(1)
  }
  expect(heard).toBeGreaterThan(2)
  expect(heard).toBeLessThanOrEqual(6)
})

test('who has stopped hears nothing more, and the others do', () => {
  const progress = createLocalProgress(silent)
  const heard: string[] = []
  const listener = (requestId: string) => void heard.push(requestId)
  const stop = progress.onProgress(listener)
  progress.onProgress(listener)
  stop()
  stop()
  progress.announce('1')
  expect(heard).toEqual(['1'])
})

test('a listener that throws harms neither the announcer nor the other listeners', () => {
  const { logger, lines } = recordingLogger()
  const progress = createLocalProgress(logger)
  const heard: string[] = []
  progress.onProgress(() => {
    throw new Error('no')
  })
  progress.onProgress((requestId) => heard.push(requestId))
  progress.announce('1')
  expect(heard).toEqual(['1'])
  expect(lines).toMatchObject([{ msg: 'a listener to progress failed', err: 'no' }])
})

test('closing says what is still to be said, and nothing afterwards', async () => {
  const progress = createLocalProgress(silent)
  const heard: string[] = []
  progress.onProgress((requestId) => heard.push(requestId))
  progress.announce('1')
  progress.announce('1')
  await progress.close()
  progress.announce('1')
  await sleep(LATER_MS)
  expect(heard).toEqual(['1', '1'])
})
