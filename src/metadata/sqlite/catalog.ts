/** The commands that a writer in another thread or process can run: the name is all that travels. */
import type { AnyCommand } from '../database.ts'

export class CommandCatalog {
  readonly #commands = new Map<string, AnyCommand>()

  /** Throws when two commands have one name. */
  constructor(commands: readonly AnyCommand[]) {
    for (const command of commands) {
      if (this.#commands.has(command.name)) throw new Error(`two commands are called ${command.name}`)
      this.#commands.set(command.name, command)
    }
  }

  get(name: string): AnyCommand {
    const command = this.#commands.get(name)
    if (command) return command
    throw new Error(`the writer does not know the command ${name}: add it to the list of commands in app.ts`)
  }
}
