S_t = 0  # line 2; the world counts its slots
acted, reached = [], []
for _ in range(5):  # line 3
    acted.append(S_t)  # lines 4, 5: the action is chosen in S_t
    S_next = S_t + 1  # line 6: it leads to S_{t+1}
    reached.append(S_next)  # lines 7 to 9 learn from it; line 10 ends the loop

print("states acted in:", acted)
print("states reached:", reached)
assert acted == [0] * 5
