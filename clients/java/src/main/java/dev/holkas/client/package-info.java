/**
 * The client of Holkas: container images copied, inspected and deleted by a {@code holkasd}.
 *
 * <p>{@link dev.holkas.client.HolkasClient} waits for answers, {@link
 * dev.holkas.client.HolkasAsyncClient} does not; both make the calls of one channel. Requests and
 * answers are the generated messages of {@code dev.holkas.v1}. What fails throws a {@link
 * dev.holkas.client.HolkasException}.
 */
package dev.holkas.client;
