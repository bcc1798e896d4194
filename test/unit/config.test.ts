import { expect, test } from '@jest/globals'
import { readConfig } from '../../src/platform/config.ts'

test('every variable has a default', () => {
  expect(readConfig({ HOME: '/root' })).toEqual({
    DATA_DIR: './data',
    CHUNK_SIZE: 500,
    SHARDS: 8,
    LOG_LEVEL: 'info',
  })
})

test('texts become numbers', () => {
  expect(readConfig({ CHUNK_SIZE: '1', SHARDS: '16' })).toMatchObject({ CHUNK_SIZE: 1, SHARDS: 16 })
})

test('all mistakes are reported at once, on one line', () => {
  const wrong = { CHUNK_SIZE: '0', SHARDS: 'many', LOG_LEVEL: 'loud', DATA_DIR: '' }
  expect(() => readConfig(wrong)).toThrow(
    /^(?=.*DATA_DIR is "")(?=.*CHUNK_SIZE is "0": it must be >= 1)(?=.*SHARDS is "many": it must be integer)(?=.*LOG_LEVEL is "loud": it must be one of fatal)[^\n]*$/,
  )
})
