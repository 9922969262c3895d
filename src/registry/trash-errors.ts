/** Why something of the trash cannot be done. */

/** There is no such deletion: it was restored, its time is over, or the trash was emptied. */
export class TrashUnknown extends Error {
  override readonly name = 'TrashUnknown'

  constructor(id: number) {
    super(
      `There is no deletion ${id} in the trash: it was restored, or emptied. "berth trash list" shows what there is.`,
    )
  }
}

/** Another one restores or empties the deletion at this moment. The message says which. */
export class TrashBusy extends Error {
  override readonly name = 'TrashBusy'
}
