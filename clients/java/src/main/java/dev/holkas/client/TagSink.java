package dev.holkas.client;

import dev.holkas.v1.ListTagsResponse;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Collects all tags. */
final class TagSink implements EventSink<ListTagsResponse, List<String>> {
  private final List<String> tags = new ArrayList<>();

  @Override
  public void take(ListTagsResponse page) {
    tags.addAll(page.getTagsList());
  }

  @Override
  public List<String> finish() {
    return Collections.unmodifiableList(tags);
  }
}
