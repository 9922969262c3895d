/**
 * A link tree that another registry may have changed since Berth last ran, and how far it has been gone through
 * since this start. A repository is checked when the database knows it and the two have been compared: from then
 * on the database alone is asked. Until all are, each request asks first whether its repository is.
 *
 * Invariant: whoever writes to a repository has it checked first, so no write meets what the database knows only
 * of an earlier time.
 */

import { type CheckedRepository, findCheck, listUnchecked } from '../../metadata/checks.ts'
import type { Database } from '../../metadata/database.ts'
import type { RepositoryId } from '../../metadata/repositories.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import { readForAdoption } from './adoption.ts'
import { compareWithTree } from './comparison.ts'
import { Findings } from './findings.ts'
import type { TreeReader } from './odd-entries.ts'
import { PartSender } from './part-sender.ts'
import { PatientFiles, type TreeFiles } from './patient-files.ts'
import { nameRepositoriesCommand } from './tree.commands.ts'
import { findRepositoryInTree } from './tree-repositories.ts'

export interface UncheckedTreeOptions {
  readonly database: Database
  readonly files: TreeFiles
  /** The id of this start: no other registry has run since it was given. */
  readonly start: string
}

/** A repository of which the tree must be asked. */
export interface UncheckedRepository {
  readonly database: Database
  readonly files: TreeFiles
  readonly name: RepositoryName
  /** Null where the database does not know the repository, or not all of it. */
  readonly id: RepositoryId | null
}

export class UncheckedTree {
  readonly database: Database
  readonly files: TreeFiles
  readonly start: string
  /** What was met in this start, by whoever looked. */
  readonly findings = new Findings()
  /** Every repository has been checked: nothing need be asked any more. */
  isChecked = false
  /** The database knows the name of every repository in the tree. */
  areNamesKnown = false
  readonly #checking = new Map<RepositoryName, Promise<void>>()

  constructor({ database, files, start }: UncheckedTreeOptions) {
    this.database = database
    this.files = new PatientFiles(files)
    this.start = start
  }

  /** The repository as the tree must be asked about it; null where the database alone can tell. */
  async find(name: RepositoryName): Promise<UncheckedRepository | null> {
    const known = await findCheck(this.database, name)
    if (known !== null && isCheckedBy(this.start, known)) return null
    const { database, files } = this
    return { database, files, name, id: known?.isAdopted ? known.id : null }
  }

  /**
   * Makes the database know the repository as the tree shows it, before something is written to it. Throws
   * StorageUnavailable where it cannot be read.
   */
  check(name: RepositoryName): Promise<void> {
    const running = this.#checking.get(name)
    if (running !== undefined) return running
    const checking = this.#check(name).finally(() => this.#checking.delete(name))
    this.#checking.set(name, checking)
    return checking
  }

  /** Compares one repository with the tree, or reads it whole where the database does not know it yet. */
  async take(reader: TreeReader, repository: CheckedRepository, sender: PartSender): Promise<void> {
    const changes = repository.isAdopted
      ? compareWithTree({ reader, database: this.database, repository })
      : readForAdoption(reader, repository.name)
    try {
      for await (const change of changes) await sender.add(repository, change)
      const found = await findRepositoryInTree(this.files, repository.name)
      await sender.end(repository, { isListed: found?.isListed ?? false })
    } catch (error) {
      sender.drop(repository)
      throw error
    }
  }

  /** At most `limit` repositories that are not checked, with an id above `after`. */
  listUnchecked(page: { readonly after: number; readonly limit: number }): Promise<CheckedRepository[]> {
    return listUnchecked(this.database, this.start, page)
  }

  async #check(name: RepositoryName): Promise<void> {
    const sender = new PartSender(this.database, this.start)
    // Twice where an earlier start has begun to adopt it: what that one read may have changed since.
    for (
      let known = await this.#findOrName(name);
      known !== null;
      known = await findCheck(this.database, name)
    ) {
      if (isCheckedBy(this.start, known)) return
      await this.take(this, known, sender)
      await sender.flush()
    }
  }

  async #findOrName(name: RepositoryName): Promise<CheckedRepository | null> {
    const known = await findCheck(this.database, name)
    if (known !== null || this.areNamesKnown) return known
    const found = await findRepositoryInTree(this.files, name)
    if (found === null) return null
    await this.database.write(nameRepositoriesCommand, { found: [found] })
    return await findCheck(this.database, name)
  }
}

function isCheckedBy(start: string, { isAdopted, checkedBy }: CheckedRepository): boolean {
  return isAdopted && checkedBy === start
}
