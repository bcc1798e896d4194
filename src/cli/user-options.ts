import type { Command } from 'commander'
import { userProblem } from '../products/read-product.ts'
import type { User } from '../database.ts'
import { badInput } from '../errors.ts'

export interface UserOptions {
  userId: string
  userName: string
}

export const addUserOptions = (command: Command): Command =>
  command
    .option('--user-id <id>', 'who does this: kept with each product', 'cli')
    .option('--user-name <name>', 'the name of who does this, at most 30 characters', 'cli')

/** @throws ProductCopyError `bad-input` */
export function userOf({ userId, userName }: UserOptions): User {
  const user = { id: userId, name: userName }
  const problem = userProblem(user)
  if (problem !== undefined) throw badInput(problem)
  return user
}
