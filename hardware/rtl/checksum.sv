// CRC-32 as zlib has it, one byte per cycle: docs/vau-link-1.md, section 1.
package checksum;
    localparam logic [31:0] BEGIN = 32'hFFFFFFFF;
    localparam logic [31:0] RESIDUE = 32'hDEBB20E3; // when the CRC itself has been run over

    function automatic logic [31:0] next(input logic [31:0] crc, input logic [7:0] data);
        logic [31:0] rest;
        rest = crc ^ {24'd0, data};
        for (int step = 0; step < 8; step++)
            rest = rest[0] ? (rest >> 1) ^ 32'hEDB88320 : rest >> 1;
        next = rest;
    endfunction
endpackage
