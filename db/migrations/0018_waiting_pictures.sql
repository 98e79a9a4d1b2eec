-- Pictures that wait for their variants: those whose job has ended without a word are looked for among them.

CREATE INDEX picture_queued ON catalog.picture (image_id) WHERE status = 'queued';
